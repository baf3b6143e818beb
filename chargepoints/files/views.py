"""What stations call with a token, and nothing else: sending us a file, fetching firmware. All else is a plain 404."""

from collections.abc import Iterable, Iterator

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from chargepoints.files.addresses import TOKEN_LENGTH, clean_name
from chargepoints.files.responses import file_response
from chargepoints.files.storage import CHUNK, TooBig, path_of
from chargepoints.services.firmware_updates import find_download
from chargepoints.services.uploads import EmptyFile, find_upload, keep_upload

log = structlog.get_logger(__name__)


@csrf_exempt
def station_file(request: HttpRequest, token: str, name: str = "") -> HttpResponseBase:
    """PUT or POST: one file from a station. GET or HEAD: the firmware of its update."""
    if len(token) != TOKEN_LENGTH or not token.isascii():
        return _not_found()
    if request.method in ("PUT", "POST"):
        return _take(request, token, name)
    if request.method in ("GET", "HEAD"):
        return _give(request, token)
    return _not_found()


def _take(request: HttpRequest, token: str, name: str) -> HttpResponse:
    wanted = find_upload(token)
    if wanted is None:
        return _not_found()
    if "Content-Range" in request.headers:
        # RFC 9110 §14.4: parts would each be taken for the whole.
        return _said(400, "The file must come whole.")
    try:
        chunks, given_name = _content(request)
        kept = keep_upload(wanted, chunks=chunks, filename=clean_name(name or given_name, "file"))
    except TooBig:
        return _said(413, f"At most {settings.UPLOAD_MAX_BYTES} bytes.")
    except EmptyFile:
        return _said(400, "The file is empty.")
    except (BadRequest, SuspiciousOperation, UnreadablePostError):
        return _said(400, "The body can't be read.")
    except OSError as error:
        log.error("upload not kept", upload_id=wanted.upload_id, error=str(error)[:200])
        return _said(503, "The file could not be kept; try again later.")
    return _said(201, "Received.") if kept else _not_found()


def _content(request: HttpRequest) -> tuple[Iterable[bytes], str]:
    """(the file's bytes, the name that came with them): the body itself, or the first file of a form."""
    if request.content_type != "multipart/form-data":
        return _pieces(request), ""
    if not request.META.get("CONTENT_LENGTH"):
        # Django takes a form that comes in chunks for an empty one; what it holds is counted all the same.
        request.META["CONTENT_LENGTH"] = str(settings.UPLOAD_MAX_BYTES)
    # Django reads forms of a POST only.
    request.method = "POST"
    first = next(iter(request.FILES.values()), None)
    if not isinstance(first, UploadedFile):
        return (), ""
    return first.chunks(CHUNK), first.name or ""


def _pieces(request: HttpRequest) -> Iterator[bytes]:
    while chunk := request.read(CHUNK):
        yield chunk


def _give(request: HttpRequest, token: str) -> HttpResponseBase:
    found = find_download(token)
    if found is None:
        return _not_found()
    try:
        return file_response(request, path_of(found.name), filename=found.filename, etag=found.sha256)
    except OSError as error:
        log.error("firmware is gone", name=found.name, error=str(error)[:200])
        return _not_found()


def _said(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _not_found() -> HttpResponse:
    return _said(404, "Not found.")
