"""Addresses of Redis, Valkey and Sentinels, as the settings take them."""

import pytest

from tenants.redis_servers import WrongUrl, broker_settings, cache_options, channel_host, connect, read_url

SENTINELS = "redis+sentinel://app:s%40cret@a.example:26379,b.example/main/2?sentinel_password=watch"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("rediss://:secret@cache.example/3", "rediss://:secret@cache.example/3"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("valkey://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("valkeys://127.0.0.1:6379/0", "rediss://127.0.0.1:6379/0"),
    ],
)
def test_one_server_is_named_as_redis_clients_name_it(given: str, taken: str) -> None:
    assert read_url(given).url == taken
    assert channel_host(given) == taken
    assert broker_settings(given) == (taken, {})
    assert cache_options(given)["LOCATION"] == taken


def test_sentinels_are_named_with_their_service_and_both_passwords() -> None:
    address = read_url(SENTINELS)
    assert address.sentinels == (("a.example", 26379), ("b.example", 26379))
    assert address.service == "main"
    assert address.login_options == {"db": 2, "username": "app", "password": "s@cret"}
    assert address.sentinel_options["password"] == "watch"


def test_channels_celery_and_cache_are_told_of_the_sentinels() -> None:
    host = channel_host(SENTINELS)
    assert (host["master_name"], host["db"], host["password"]) == ("main", 2, "s@cret")
    url, options = broker_settings(SENTINELS)
    assert url == "sentinel://app:s%40cret@a.example:26379/2;sentinel://app:s%40cret@b.example:26379/2"
    assert options["master_name"] == "main"
    assert options["sentinel_kwargs"]["password"] == "watch"
    assert cache_options(SENTINELS)["OPTIONS"] == {"pool_class": "tenants.redis_servers.SentinelPool"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1", "begins with"),
        ("127.0.0.1:6379", "begins with"),
        ("redis+cluster://127.0.0.1:6379", "Cluster"),
        ("redis+sentinel://:secret@127.0.0.1:26379", "service"),
        ("redis+sentinel:///main", "service"),
        ("redis+sentinel://127.0.0.1:26379/main/first", "service"),
        ("redis+sentinel://127.0.0.1:many/main", "port"),
        ("redis+sentinel://127.0.0.1/main?password=secret", "Not known"),
    ],
)
def test_a_wrong_address_is_refused_with_a_reason_and_without_its_password(url: str, said: str) -> None:
    with pytest.raises(WrongUrl, match=said) as refused:
        connect(url)
    assert "secret" not in str(refused.value)
