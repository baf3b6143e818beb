"""Which clock people read on a page: the site's, else the tenant's."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest

from chargepoints.models import ChargePoint, Site
from tenants.admin.base import access_of
from tenants.selectors import tenant_zone


def zone_of_tenant(request: HttpRequest) -> ZoneInfo:
    access = access_of(request)
    return ZoneInfo("UTC") if access is None else tenant_zone(access.tenant)


def zone_of_site(request: HttpRequest, site: Site | None) -> ZoneInfo:
    """The site's own where it names one that exists."""
    if site is not None and site.timezone:
        try:
            return ZoneInfo(site.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            pass
    return zone_of_tenant(request)


def zone_of_station(request: HttpRequest, station: ChargePoint) -> ZoneInfo:
    return zone_of_site(request, station.site)
