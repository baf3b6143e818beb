"""What the browser is sent: the file, or a page that says why there is none and what to do instead."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenants.admin.exports import csv_file, workbook
from tenants.admin.exports.places import Place
from tenants.admin.exports.reading import Plan
from tenants.api.csv_export import streamed

AGAIN_S = 20


def send_csv(request: HttpRequest, plan: Plan, place: Place) -> StreamingHttpResponse:
    """Made as it is sent."""
    return _sent(request, csv_file.csv_pieces(plan), csv_file.MEDIA_TYPE, plan, place)


def send_workbook(request: HttpRequest, plan: Plan, place: Place) -> StreamingHttpResponse:
    """Made before it is sent. Raises TakesTooLong."""
    file = workbook.workbook_file(plan)
    return _sent(request, workbook.file_pieces(file), workbook.MEDIA_TYPE, plan, place)


def _sent(request: HttpRequest, pieces: Iterator[bytes], media: str, plan: Plan, place: Place) -> StreamingHttpResponse:
    response = streamed(request, _keeping(pieces, place), filename=plan.name, content_type=media)
    # The web server (daphne) doesn't wait for a slow client; a proxy that gathers the answer spares it the memory.
    del response["X-Accel-Buffering"]
    return response


def _keeping(pieces: Iterator[bytes], place: Place) -> Iterator[bytes]:
    try:
        yield from pieces
    finally:
        place.let_go()


@dataclass(frozen=True, slots=True)
class Refused:
    """The address names a filter that there is not."""

    status: ClassVar[int] = 400

    def sentences(self) -> list[str]:
        return [_("A filter in the address means nothing here: set the filters of the list anew.")]

    def page(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        """`context`: of every page, with `back` (the list as it was filtered) and `as_csv`."""
        own = {"title": _("No file was made"), "sentences": self.sentences(), "offer_csv": self._csv_helps()}
        answer = TemplateResponse(request, "office/export_refused.html", {**context, **own}, status=self.status)
        if self.status == Busy.status:
            answer["Retry-After"] = str(AGAIN_S)
        return answer

    def _csv_helps(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Busy(Refused):
    """EXPORTS_AT_ONCE run already."""

    status: ClassVar[int] = 503

    def sentences(self) -> list[str]:
        return [
            _("As many exports are being made as may be at a time."),
            _("Go back to the list, and ask again in half a minute."),
        ]


@dataclass(frozen=True, slots=True)
class TooMany(Refused):
    """More rows than may be in a file of the kind."""

    rows: int
    most: int
    kind: str
    status: ClassVar[int] = 422

    def sentences(self) -> list[str]:
        said = ngettext(
            "The list has %(rows)s row; a file of this kind may have %(most)s.",
            "The list has %(rows)s rows; a file of this kind may have %(most)s.",
            self.rows,
        )
        return [
            said % {"rows": f"{self.rows:,}", "most": f"{self.most:,}"},
            _("Filter the list, by time for example, and export it in parts."),
        ]

    def _csv_helps(self) -> bool:
        return self.kind == "xlsx"


@dataclass(frozen=True, slots=True)
class TooLong(Refused):
    """It was given up after EXPORT_XLSX_SECONDS."""

    status: ClassVar[int] = 422

    def sentences(self) -> list[str]:
        return [
            _("The file took too long to make, and was given up."),
            _("Filter the list, by time for example, and export it in parts; or take CSV, which is made much faster."),
        ]

    def _csv_helps(self) -> bool:
        return True
