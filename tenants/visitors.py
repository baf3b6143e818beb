"""Where a request comes from, and how people are told."""

import re
from ipaddress import IPv6Address, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

# What a browser says of itself, most particular first: many name others that they want to pass for.
_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS|Chromium)/(\d+)"),
    ("Safari", r"Version/(\d+)[\d.]* .*Safari/"),
)
_SYSTEMS = (
    ("Android", r"Android"),
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)


def client_address(request: HttpRequest) -> str:
    """The caller's address, as far as our own proxies (`CSMS_PROXIES`) vouch for it."""
    rest: dict[str, Any] = settings.REST_FRAMEWORK
    proxies = int(rest["NUM_PROXIES"])
    forwarded: list[str] = [
        one.strip() for one in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if one.strip()
    ]
    if proxies and forwarded:
        return forwarded[-min(proxies, len(forwarded))]
    return str(request.META.get("REMOTE_ADDR", ""))


def network_of(address: str) -> str:
    """What one subscriber has of addresses: one of IPv4, a /64 of IPv6 (RFC 6177), whose every address is theirs to use.

    What limits are counted under. As it was given where it is no address.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or f"{IPv6Address(int(found) >> 64 << 64)}/64")


def browser_name(agent: str) -> str:
    """`Firefox 140 on Linux`; what the browser says of itself where nobody knows it."""
    browser = next((f"{name} {found[1]}" for name, rule in _BROWSERS if (found := re.search(rule, agent))), "")
    system = next((name for name, rule in _SYSTEMS if re.search(rule, agent)), "")
    if browser and system:
        return f"{browser} · {system}"
    return browser or system or agent[:60]
