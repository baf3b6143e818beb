"""The address that a station is given: `wss://csms.example.com/ocpp/acme/CP-1`."""

from urllib.parse import quote, urlsplit

from django.conf import settings
from django.http import HttpRequest

from tenants.models import Tenant


def ocpp_address(request: HttpRequest, tenant: Tenant, identity: str, *, tls: bool = False) -> str:
    """Where this system is reached from outside (CSMS_PUBLIC_URL), else the host that the page was asked from.

    On a machine of its own, without a proxy, it is the gateway's port. `tls`: its security profile wants wss.
    """
    path = f"/ocpp/{tenant.slug}/{quote(identity, safe='')}"
    public = urlsplit(settings.PUBLIC_URL)
    if public.hostname and not _is_local(public.hostname):
        secure = public.scheme == "https"
        return f"{'wss' if secure or tls else 'ws'}://{public.netloc}{public.path.rstrip('/')}{path}"
    host = request.get_host()
    if settings.PRODUCTION or request.is_secure():
        return f"{'wss' if request.is_secure() or tls else 'ws'}://{host}{path}"
    return f"{'wss' if tls else 'ws'}://{_without_port(host)}:{settings.GATEWAY_PORT}{path}"


def _is_local(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}


def _without_port(host: str) -> str:
    return host if host.endswith("]") else host.rpartition(":")[0] or host
