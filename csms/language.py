"""Which language an answer is in: a person's choice (their cookie), else their browser's; programs are answered in English.

Messages of the API are part of what programs and their logs rely on: they don't change with a browser's languages.
"""

from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

# Where people are: everything else is asked by programs and stations.
PAGES = "/admin/"
PROGRAMS = "en"


class PersonsLanguage(LocaleMiddleware):
    """Django's own, for the back office only."""

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(PAGES):
            super().process_request(request)
            return
        translation.activate(PROGRAMS)
        request.LANGUAGE_CODE = PROGRAMS
