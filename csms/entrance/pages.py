"""What these pages share: nobody caches them, some need a person who is signed in, and none needs a tenant."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from tenants.models import User
from tenants.selectors import tenant_zone

View = Callable[..., HttpResponse]


def open_to_all(view: View) -> View:
    """A page for strangers: their forms are protected like all others, and no error report shows what they typed."""
    guarded: View = never_cache(csrf_protect(sensitive_post_parameters()(view)))
    return guarded


def for_people(view: View) -> View:
    """A page of one's own account: `view(request, user, ...)`. It needs no tenant."""

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not isinstance(request.user, User):
            return redirect_to_login(request.get_full_path())
        return view(request, person_of(request), *args, **kwargs)

    return open_to_all(asked)


def person_of(request: HttpRequest) -> User:
    """The person themselves, not Django's lazy stand-in."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 (asked for before)
    found: User = getattr(user, "_wrapped", user)
    return found


def page(request: HttpRequest, template: str, title: Any, status: int = 200, **context: Any) -> HttpResponse:
    """In the back office's dress, outside of any tenant's scope; times in the zone of the tenant one works in."""
    shown = {**admin.site.each_context(request), "title": title, **context}
    answer = TemplateResponse(request, f"office/entrance/{template}.html", shown, status=status)
    access = getattr(request, "access", None)
    with timezone.override(tenant_zone(access.tenant) if access else None):
        return answer.render()
