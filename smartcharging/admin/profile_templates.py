"""Templates of charging profiles: made and changed in the editor, sent to one charge point or to many."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smartcharging.admin.profile_editor import answer_part, editor_page
from smartcharging.admin.profile_forms import TemplateForm, values_of_template
from smartcharging.admin.profile_preview import alone
from smartcharging.admin.profile_words import periods_said, profile_in_words, times_said, validity_said
from smartcharging.admin.profiles_to_many import to_many_page
from smartcharging.admin.zones import zone_of_tenant
from smartcharging.models import ProfileTemplate
from smartcharging.profiles.problems import InvalidProfile
from smartcharging.selectors import profile_of
from smartcharging.services.templates import (
    NameTaken,
    change_template,
    check_template,
    create_template,
    delete_template,
)
from tenants.admin.base import TenantModelAdmin, has_role
from tenants.models import Role

LISTED = "admin:smartcharging_profiletemplate_changelist"


@admin.register(ProfileTemplate)
class ProfileTemplateAdmin(TenantModelAdmin):
    add_role = change_role = Role.OPERATOR
    list_display = ["name", "description", "purpose", "stack_level", "in_words", "created_by"]
    search_fields = ["name", "description"]
    list_before_template = "office/profile_templates.html"

    @admin.display(description=gettext_lazy("Limits"))
    def in_words(self, row: ProfileTemplate) -> str:
        return profile_in_words(profile_of(row), timezone.get_current_timezone())  # type: ignore[arg-type]

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("preview/", wrap(self.preview_view), name="profile_template_preview"),
            path("<int:pk>/to-many/", wrap(self.to_many_view), name="profile_template_to_many"),
        ]
        return [*own, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._edit(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        template = self.get_object(request, object_id)
        if template is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if self.has_change_permission(request, template):
            return self._edit(request, template)
        if request.method == "POST" or not self.has_view_permission(request, template):
            raise PermissionDenied
        return self._show(request, template)

    def to_many_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Who is meant, then once more, then it is sent."""
        template = ProfileTemplate.objects.filter(pk=pk).first()
        if template is None or not has_role(request, Role.OPERATOR):
            raise Http404
        return to_many_page(request, template)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """POST only: what is wrong with the form as it stands."""
        if request.method != "POST" or not self.has_add_permission(request):
            raise PermissionDenied
        form = TemplateForm(request.POST, zone=zone_of_tenant(request), now=timezone.now())
        if form.is_valid():
            _check(form)
        return answer_part(request, form, None)

    # Services write the audit trail.
    def delete_model(self, request: HttpRequest, obj: ProfileTemplate) -> None:
        delete_template(obj, actor=request.user.get_username(), origin="admin")

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for template in queryset:
            self.delete_model(request, template)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        pass

    def _edit(self, request: HttpRequest, template: ProfileTemplate | None) -> HttpResponse:
        zone, now = zone_of_tenant(request), timezone.now()
        if request.method == "POST":
            form = TemplateForm(request.POST, zone=zone, now=now)
            if form.is_valid() and self._save(request, form, template):
                return HttpResponseRedirect(reverse(LISTED))
        else:
            form = TemplateForm(zone=zone, now=now, initial=values_of_template(template, zone) if template else {})
        title = _("Change the template %(name)s") % {"name": template.name} if template else _("New template")
        context = {
            "title": title,
            "preview": reverse("admin:profile_template_preview"),
            "button": _("Keep the template"),
            "do": "save",
            "back": reverse(LISTED),
            "may_keep": False,
            "links": self._links(request, template),
        }
        return editor_page(request, form, [], **context)

    def _save(self, request: HttpRequest, form: TemplateForm, template: ProfileTemplate | None) -> bool:
        given = form.cleaned_data
        wanted: dict[str, Any] = {
            "name": given["name"],
            "description": given["description"],
            "profile": form.profile(),
            "actor": request.user.get_username(),
            "origin": "admin",
        }
        try:
            if template is None:
                create_template(**wanted)
            else:
                change_template(template, **wanted)
        except NameTaken:
            form.add_error("name", _("Another template has this name."))
        except InvalidProfile as error:
            form.refuse(error.problems)
        else:
            messages.success(request, _("Kept. Profiles that were sent before stay as they are."))
            return True
        return False

    def _show(self, request: HttpRequest, template: ProfileTemplate) -> HttpResponse:
        profile, zone = profile_of(template), zone_of_tenant(request)
        context = {
            **self.admin_site.each_context(request),
            "title": template.name,
            "template": template,
            "times": times_said(profile),
            "periods": periods_said(profile, zone),
            "validity": validity_said(template.valid_from, template.valid_to, zone),
            "config": alone(profile, now=timezone.now(), zone=zone),
            "back": reverse(LISTED),
        }
        return render(request, "office/profile_template.html", context)

    def _links(self, request: HttpRequest, template: ProfileTemplate | None) -> list[tuple[str, str]]:
        """What can be done with it besides."""
        if template is None:
            return []
        links = [(reverse("admin:profile_template_to_many", args=[template.pk]), _("Send to charge points …"))]
        if self.has_delete_permission(request, template):
            links.append((reverse("admin:smartcharging_profiletemplate_delete", args=[template.pk]), _("Delete")))
        return links


def _check(form: TemplateForm) -> None:
    try:
        check_template(form.profile(), "profile")
    except InvalidProfile as error:
        form.refuse(error.problems)
