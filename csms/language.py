"""Which language an answer is in: a person's choice, else their browser's; programs are answered in English.

The choice is kept with the person (`User.language`) and, so that no page has to look it up, in a cookie: signing in gives the
browser the cookie of who signs in. Who has chosen in this browser before, and never as a person, takes that along.

Messages of the API are part of what programs and their logs rely on: they don't change with a browser's languages.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from tenants.models import User
from tenants.services.people_language import keep_language

# Where people are: everything else is asked by programs and stations.
PAGES = "/admin/"
PROGRAMS = "en"
# On the request: what the browser's cookie is to say from now on; empty: nothing.
COOKIE_TO_BE = "language_cookie_to_be"


class PersonsLanguage(LocaleMiddleware):
    """Django's own, for the back office only; and the cookie, where a view has said so."""

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(PAGES):
            super().process_request(request)
            return
        translation.activate(PROGRAMS)
        request.LANGUAGE_CODE = PROGRAMS

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        code = getattr(request, COOKIE_TO_BE, None)
        name, path = settings.LANGUAGE_COOKIE_NAME, settings.LANGUAGE_COOKIE_PATH
        if code:
            secure, age = settings.LANGUAGE_COOKIE_SECURE, settings.LANGUAGE_COOKIE_AGE
            response.set_cookie(name, code, max_age=age, path=path, secure=secure, samesite="Lax")
        elif code is not None:
            response.delete_cookie(name, path=path, samesite="Lax")
        return super().process_response(request, response)


@require_POST
def choose_language(request: HttpRequest) -> Any:
    """Django's switch, which also keeps the choice with who is signed in."""
    answer = set_language(request)
    if isinstance(request.user, User):
        keep_language(request.user, request.POST.get("language", ""))
    return answer


def follow_person(request: HttpRequest, user: User) -> None:
    """From this answer on the browser is in the person's language; who has none takes what was chosen in the browser."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    if user.language:
        speak(request, user.language)
    elif chosen:
        keep_language(user, chosen)


def speak(request: HttpRequest, code: str) -> None:
    """The browser's language from this answer on; empty: as it asks itself."""
    setattr(request, COOKIE_TO_BE, code)
    if code:
        translation.activate(code)
