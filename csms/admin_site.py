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
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite

from tenants.context import system_transaction, tenant_transaction
from tenants.databases.fence import TenantMoving
from tenants.middleware import SESSION_KEY
from tenants.selectors import Access, tenant_zone

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# What people do for themselves works in a suspended tenant too.
OWN_AFFAIRS = {"choose_tenant"}


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
            if access.tenant.is_moving and not platform:
                return inner(request) if _chooses_another(request, name) else self.moving(request, access)
            if request.method not in SAFE_METHODS and not _may_write(access) and name not in OWN_AFFAIRS:
                raise PermissionDenied(gettext("The tenant is suspended: its data can be read only."))
            scope = system_transaction() if platform else tenant_transaction(access.tenant.pk)
            try:
                with scope, timezone.override(tenant_zone(access.tenant)):
                    return _rendered(inner(request, *args, **kwargs))
            except TenantMoving:
                return self.moving(request, access)

        return scoped

    def moving(self, request: HttpRequest, access: Access) -> HttpResponse:
        """Nothing of the tenant can be shown while its rows are on the way to another database."""
        others = [one for one in request.accesses if one.tenant.pk != access.tenant.pk]  # type: ignore[attr-defined]
        # No menu of a tenant's pages.
        request.access = None  # type: ignore[attr-defined]
        context = {
            **self.each_context(request),
            "title": _("Being moved"),
            "tenant": access.tenant,
            "others": others[:20],
        }
        answer = TemplateResponse(request, "office/tenant_moving.html", context, status=503)
        answer.headers["Retry-After"] = str(TenantMoving.retry_after_s)
        return answer.render()

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # Here, not above: these pages register themselves on this very site.
        from chargepoints.admin.configuration import tenant_configuration, tenant_configuration_key
        from chargepoints.admin.messages import message_log
        from csms.dashboard.board_page import board_page
        from csms.dashboard.urls import overview_urls
        from csms.dashboard.usage import usage_page
        from csms.entrance.urls import entrance_urls

        own = [
            *entrance_urls,
            # Before Django's: leaving asks for no tenant, and works in a suspended one.
            path("logout/", self.logout, name="logout"),
            *overview_urls(self.admin_view),
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

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ours: unfold keeps its answers by person, and a person may work in several tenants."""
        from csms.search.page import answer_search

        # Without the badges: nobody sees them here.
        return answer_search(request, self, super().get_sidebar_list(request))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The form; someone who is signed in and belongs to no tenant (any more) is told so, and can leave."""
        from csms.entrance.sign_in import SignInView, way_in

        if request.user.is_authenticated and getattr(request, "access", None) is None and request.method == "GET":
            if further := way_in(request):
                return HttpResponseRedirect(further)
            context = {**self.each_context(request), "title": _("No tenant")}
            return TemplateResponse(request, "office/no_tenant.html", context, status=403)
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        context = {
            **self.each_context(request),
            **{"title": _("Sign in"), "subtitle": None, "app_path": request.get_full_path()},
            **(extra_context or {}),
        }
        view = SignInView.as_view(
            extra_context=context, authentication_form=self.login_form, template_name="office/entrance/sign_in.html"
        )
        answer: HttpResponse = _rendered(never_cache(view)(request))
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


def _chooses_another(request: HttpRequest, name: str) -> bool:
    """Asks nothing of the tenant that is being left."""
    return name == "choose_tenant" and request.method == "POST"


def _may_write(access: Access) -> bool:
    return access.tenant.is_active or access.role == "platform"


def _rendered(answer: Any) -> Any:
    """Templates read lazily: render while the scope is open."""
    if isinstance(answer, TemplateResponse) and not answer.is_rendered:
        return answer.render()
    return answer
