"""Who may read metrics: scrapers with the token, or, where there is none, direct callers on this machine."""

import hmac
import ipaddress

from django.conf import settings


def may_scrape(*, authorization: str, remote_address: str, forwarded: bool) -> bool:
    """`forwarded`: a proxy handed the request on, so that the address says nothing of who asks."""
    if settings.METRICS_TOKEN:
        scheme, _, token = authorization.partition(" ")
        return scheme == "Bearer" and hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode())
    try:
        return not forwarded and ipaddress.ip_address(remote_address).is_loopback
    except ValueError:
        return False
