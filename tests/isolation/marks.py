"""The two tenants' unmistakable marks, and those of nobody.

All of a tenant's rows have one number, one UUID and one name for a key, whatever their table: so an id goes into any
place of any request without a table of what belongs where.
"""

import re
from dataclasses import dataclass
from uuid import UUID

# What A's texts that are no keys begin with: it stands in no request, so it may stand in no answer.
HIDDEN = "ISOLATED-A-"


@dataclass(frozen=True, slots=True)
class Marks:
    """`key`: identities, tags, names that people give. `hidden`: begins all other texts."""

    number: int
    uuid: UUID
    key: str
    slug: str
    hidden: str

    @property
    def token(self) -> str:
        """Of its upload's and its firmware's address: as long as real ones are."""
        return f"{self.slug}-token".ljust(32, "0")

    @property
    def record(self) -> str:
        """The number of its charge detail record."""
        return f"2026-{self.number}"

    def known_to(self, text: str) -> bool:
        """Whether `text` speaks of the tenant."""
        lowered = text.lower()
        signs = (str(self.number), str(self.uuid), self.key.lower(), self.slug, self.hidden.lower())
        return any(sign in lowered for sign in signs)


# Side by side, so that nothing of B's lies between A's and nobody's: they sort alike.
A = Marks(
    number=730_001,
    uuid=UUID("aaaaaaaa-0000-4000-8000-000000730001"),
    key="ISOLATED-A",
    slug="isolated-a",
    hidden=HIDDEN,
)
NOBODY = Marks(
    number=730_002,
    uuid=UUID("aaaaaaaa-0000-4000-8000-000000730002"),
    key="ISOLATED-N",
    slug="isolated-n",
    hidden="ISOLATED-N-",
)
B = Marks(
    number=840_001,
    uuid=UUID("bbbbbbbb-0000-4000-8000-000000840001"),
    key="OWNED-B",
    slug="owned-b",
    hidden="OWNED-B-",
)

_VOLATILE = [
    # Of now: no row's time has a fraction of a second. In names of files.
    (re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+"), b"<NOW>"),
    (re.compile(rb"\d{8}T\d{6}Z"), b"<NOW>"),
    # How long something that goes on has lasted, to the second.
    (re.compile(rb"\b\d+:\d\d:\d\d\b"), b"<NOW>"),
    (re.compile(rb'("durationSeconds": ?)\d+'), rb"\1<NOW>"),
    # Django's and ours: different in each answer.
    (re.compile(rb'(name="csrfmiddlewaretoken" value=|X-CSRFToken[^"\n]*")[^ >\n]*'), rb"\1-"),
    (re.compile(rb"csrf[a-zA-Z]*(\"|&quot;|&#x27;|')?[=:] ?(\"|&quot;|&#x27;|')?[A-Za-z0-9]{32,}"), b"csrf"),
]


def without_id(body: bytes, sent: Marks) -> bytes:
    """The answer with what was sent taken out, so that answers to two senders can be compared."""
    for sign in (sent.hidden, sent.token, str(sent.uuid), sent.uuid.hex, str(sent.number), sent.key, sent.slug):
        body = re.sub(re.escape(sign.encode()), b"<ID>", body, flags=re.IGNORECASE)
    for pattern, calm in _VOLATILE:
        body = pattern.sub(calm, body)
    return body
