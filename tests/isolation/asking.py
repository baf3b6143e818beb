"""Requests, and their answers brought into a form that can be compared."""

from dataclasses import dataclass
from typing import Any

from tests.isolation.marks import NOBODY, A, Marks, without_id

# Of each answer anew, and of what was counted meanwhile.
_HEADERS_OF_THE_MOMENT = {"x-request-id", "set-cookie", "date", "expires", "last-modified", "content-length", "etag"}
_COUNTED = ("x-ratelimit-", "ratelimit")


@dataclass(frozen=True, slots=True)
class Answer:
    """All of it that a client sees. `made`: it may be of something new. `said`: what the next page says."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    made: bool = False
    said: bytes = b""

    @property
    def done(self) -> bool:
        return self.status < 300

    def without(self, sent: Marks) -> "Answer":
        """As if it had been asked without that tenant's ids."""
        headers = tuple((name, without_id(value.encode(), sent).decode()) for name, value in self.headers)
        return Answer(self.status, headers, without_id(self.body, sent), self.made)

    def __str__(self) -> str:
        return f"{self.status} {dict(self.headers)} {self.body[:1500].decode(errors='replace')}"


def ask(client: Any, method: str, path: str, body: Any = None, **options: Any) -> Answer:
    """One request; redirects are not followed."""
    if method == "get":
        answer = client.get(path, **options)
    elif body is None:
        answer = client.generic(method.upper(), path, **options)
    else:
        answer = getattr(client, method)(path, body, **options)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    headers = tuple(
        sorted(
            (name.lower(), value)
            for name, value in answer.headers.items()
            if name.lower() not in _HEADERS_OF_THE_MOMENT and not name.lower().startswith(_COUNTED)
        )
    )
    messages = getattr(getattr(answer, "wsgi_request", None), "_messages", [])
    said = " ".join(str(message) for message in getattr(messages, "_queued_messages", [])).encode()
    return Answer(answer.status_code, headers, content, method != "get", said)


def tells_of_a(answer: Answer, *, asked: bool = False) -> str:
    """Where the answer speaks of A; empty: nowhere. `asked`: with A's ids, which it may repeat."""
    text = f"{answer.headers} {answer.body.decode(errors='replace')}"
    signs = [A.hidden] if asked else [A.hidden, A.key, A.slug, str(A.number), str(A.uuid)]
    for sign in signs:
        if (found := text.lower().find(sign.lower())) >= 0:
            return f"...{text[max(0, found - 200) : found + 100]}..."
    return ""


def differ(to_a: Answer, to_nobody: Answer) -> str:
    """How the answer to A's ids differs from that to ids that nobody has; empty: not at all."""
    if (hidden := tells_of_a(to_a, asked=True)) != "":
        return f"it tells of A: {hidden}"
    if to_a.done and to_a.made:
        # What was made has a time and a number of its own.
        return "" if to_a.status == to_nobody.status else f"A's: {to_a}\nnobody's: {to_nobody}"
    mine, theirs = to_a.without(A), to_nobody.without(NOBODY)
    return "" if mine == theirs else f"A's: {mine}\nnobody's: {theirs}"
