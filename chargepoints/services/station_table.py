"""Charge points as a table of text: the columns of the CSV file and what each may hold. Touches no database."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargepoints.models import SecurityProfile
from chargepoints.services.identity import IDENTITY
from chargepoints.services.importing import cells
from chargepoints.services.importing.table import Layout
from chargepoints.services.passwords import MIN_LENGTH

KEY = "identity"
NAME, SITE, TAGS, NOTES = "name", "site", "tags", "notes"
PROFILE, PASSWORD, CONNECTORS = "securityProfile", "password", "connectors"
# AuthorizationKey of the Security Whitepaper takes no more.
LONGEST_PASSWORD = 40
MOST_CONNECTORS = 100
LONGEST_LABEL, MOST_LABELS = 40, 50


def _identity(given: str) -> str:
    if cells.is_shortened(given):
        raise cells.Wrong(_("A spreadsheet has shortened this number: have it keep the column as text."))
    if not IDENTITY.match(given):
        raise cells.Wrong(_("1 to 48 characters of A-Z a-z 0-9 * - _ = : + | @ ."))
    return given


def _password(given: str) -> str:
    """Empty: none is given. Never repeated in a fault."""
    if given and not (MIN_LENGTH <= len(given) <= LONGEST_PASSWORD and given.isascii() and given.isprintable()):
        said = _("%(least)s to %(most)s letters, digits and signs; empty: one is made.")
        raise cells.Wrong(said % {"least": MIN_LENGTH, "most": LONGEST_PASSWORD})
    return given


LAYOUT = Layout(
    {
        KEY: _identity,
        NAME: cells.line(120),
        SITE: cells.line(120),
        TAGS: cells.words(LONGEST_LABEL, MOST_LABELS),
        NOTES: cells.text(5000),
        PROFILE: cells.whole(
            min(SecurityProfile.values), max(SecurityProfile.values), gettext_lazy("empty: 1, a password")
        ),
        PASSWORD: _password,
        CONNECTORS: cells.whole(1, MOST_CONNECTORS, gettext_lazy("empty: as the station says")),
    },
    KEY,
)
