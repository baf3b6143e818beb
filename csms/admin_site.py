"""The back office's admin site: every view in the tenant's scope, people enter by membership."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from tenants.context import system_transaction, tenant_transaction
from tenants.middleware import SESSION_KEY
from tenants.selectors import Access, tenant_zone

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# What people do for themselves works in a suspended tenant too.
OWN_AFFAIRS = {"choose_tenant", "password_change"}


class BackOfficeSite(UnfoldAdminSite):
    """Unfold's site on top of the tenant scope (tenants.context)."""

    index_template = "office/index.html"
    index_title = _("Overview")

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request, "access", None) is not None)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        inner = super().admin_view(view, cacheable)
        platform = getattr(getattr(view, "__self__", None), "platform_only", False)
        name = getattr(view, "__name__", "")

        @wraps(inner)
        def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            access = getattr(request, "access", None)
            if access is None:
                return inner(request, *args, **kwargs)
            if request.method not in SAFE_METHODS and not _may_write(access) and name not in OWN_AFFAIRS:
                raise PermissionDenied("The tenant is suspended: its data can be read only.")
            scope = system_transaction() if platform else tenant_transaction(access.tenant.pk)
            with scope, timezone.override(tenant_zone(access.tenant)):
                return _rendered(inner(request, *args, **kwargs))

        return scoped

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # Here, not above: these pages register themselves on this very site.
        from chargepoints.admin.configuration import tenant_configuration, tenant_configuration_key
        from chargepoints.admin.messages import message_log
        from csms.dashboard.board_page import board_page
        from csms.dashboard.usage import usage_page
        from csms.dashboard.views import tiles

        own = [
            # Before Django's: leaving asks for no tenant, and works in a suspended one.
            path("logout/", self.logout, name="logout"),
            path("tiles/", self.admin_view(tiles), name="overview_tiles"),
            path("board/", self.admin_view(board_page), name="board"),
            path("messages/", self.admin_view(message_log), name="message_log"),
            path("configuration/", self.admin_view(tenant_configuration), name="tenant_configuration"),
            path("configuration/key/", self.admin_view(tenant_configuration_key), name="tenant_configuration_key"),
            path("usage/", self.admin_view(usage_page), name="usage"),
            path("tenant/", self.admin_view(choose_tenant), name="choose_tenant"),
        ]
        # No row of ours has a page outside; Django's view would look it up in whatever table the address names.
        return [*own, *(one for one in super().get_urls() if getattr(one, "name", "") != "view_on_site")]

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """As unfold's, with badges worked out once, and none that has nothing to say."""
        groups: list[dict[str, Any]] = super().get_sidebar_list(request)
        for item in (item for group in groups for item in group["items"] if "badge_callback" in item):
            item["badge"] = str(item.pop("badge_callback"))
        return groups

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The form; someone who is signed in and belongs to no tenant (any more) is told so, and can leave."""
        if request.user.is_authenticated and getattr(request, "access", None) is None and request.method == "GET":
            context = {**self.each_context(request), "title": _("No tenant")}
            return TemplateResponse(request, "office/no_tenant.html", context, status=403)
        answer: HttpResponse = super().login(request, extra_context)
        return answer

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from csms.dashboard.views import index_context

        answer: TemplateResponse = super().index(request, {**index_context(request), **(extra_context or {})})
        return answer


def choose_tenant(request: HttpRequest) -> HttpResponse:
    """Work in another of one's tenants."""
    from django.contrib import admin

    accesses = request.accesses  # type: ignore[attr-defined]
    if request.method == "POST":
        chosen = next((one for one in accesses if one.tenant.slug == request.POST.get("tenant")), None)
        if chosen is None:
            messages.error(request, _("This tenant is not one of yours."))
        else:
            request.session[SESSION_KEY] = chosen.tenant.slug
            messages.success(request, _("You work in %(tenant)s now.") % {"tenant": chosen.tenant.name})
        return HttpResponseRedirect(reverse("admin:index"))
    context = {**admin.site.each_context(request), "title": _("Choose a tenant"), "accesses": accesses}
    return TemplateResponse(request, "office/choose_tenant.html", context)


def _may_write(access: Access) -> bool:
    return access.tenant.is_active or access.role == "platform"


def _rendered(answer: Any) -> Any:
    """Templates read lazily: render while the scope is open."""
    if isinstance(answer, TemplateResponse) and not answer.is_rendered:
        return answer.render()
    return answer
