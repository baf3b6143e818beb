"""Where the files lie: MEDIA_ROOT/<tenant id>/<folder>/<random name>. Nothing that others name is part of a path."""

import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from tenants.context import on_commit

UPLOADS, FIRMWARE = "uploads", "firmware"
CHUNK = 64 * 1024
# A file that no row names is younger than this while its row is still being written.
YOUNG_S = 24 * 3600


class TooBig(Exception):
    """More bytes than are taken; nothing was kept."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """`name` below MEDIA_ROOT, `size` in bytes, `sha256` in hex."""

    name: str
    size: int
    sha256: str


def store(tenant_id: int, folder: str, chunks: Iterable[bytes], limit: int) -> StoredFile:
    """Write the chunks to a new file and to the disk. Raises TooBig past `limit` bytes; then nothing is left."""
    name = f"{tenant_id}/{folder}/{secrets.token_hex(16)}"
    target = path_of(name)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    digest, size = hashlib.sha256(), 0
    try:
        with part.open("xb") as out:
            for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise TooBig
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            # What is acknowledged is on the disk (DESIGN §4).
            os.fsync(out.fileno())
        part.rename(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return StoredFile(name, size, digest.hexdigest())


def path_of(name: str) -> Path:
    """The file of a stored name."""
    return Path(settings.MEDIA_ROOT) / name


def discard(name: str) -> None:
    """Delete a stored file now; one that is gone is fine."""
    if name:
        path_of(name).unlink(missing_ok=True)


def discard_after_commit(name: str | None) -> None:
    """Delete it once the row that named it is gone for good."""
    if name:
        on_commit(lambda: discard(name))


def read_chunks(path: Path, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """The bytes from `start` on, in bounded pieces."""
    left = path.stat().st_size - start if length is None else length
    with path.open("rb") as source:
        source.seek(start)
        while left > 0 and (chunk := source.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


def stored_names(tenant_id: int, folder: str) -> Iterator[str]:
    """The names of a tenant's files that are old enough to have a row; unfinished ones among them."""
    place = path_of(f"{tenant_id}/{folder}")
    if not place.is_dir():
        return
    before = time.time() - YOUNG_S
    for entry in os.scandir(place):
        if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < before:
            yield f"{tenant_id}/{folder}/{entry.name}"
