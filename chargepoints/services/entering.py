"""Entering of charge points: who may connect, and whose socket holds the station's place. Many at once, where it goes.

After a restart thousands come within seconds. One by one, each costs a dozen round trips and two waits for the disk;
`enter_together` reads a group by two queries and takes its places in one transaction for each tenant. What needs more
than that (a new station, a certificate, a password or profile to be noted, a station whose row is taken) is left to
`enter_alone`: it must not hold up the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from chargepoints.services.connections import Claim, Superseded, claim_all, claim_connection
from chargepoints.services.identity import Address
from chargepoints.services.refusals import Refusal, count_refusals
from chargepoints.services.sign_in import (
    Credentials,
    Found,
    SignedIn,
    SignInRefused,
    asks_for_more,
    decide,
    find_stations,
    sign_in,
    signed_in_as,
)
from tenants.context import system_transaction

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """A socket that asks to be let in at a gateway. `version` of OCPP; "": none in common, so it takes no place."""

    address: Address
    credentials: Credentials
    version: str
    connection_id: UUID
    gateway_id: UUID


@dataclass(frozen=True, slots=True)
class Entered:
    """It may connect. `claim`: the place that it holds; `superseded`: the socket that it took it from."""

    signed_in: SignedIn
    claim: Claim | None
    superseded: Superseded | None


def enter_together(requests: Sequence[EntryRequest]) -> list[Entered | SignInRefused | None]:
    """What becomes of each; None: to be asked again by `enter_alone`. Committed on return, refusals are counted.

    Raises the database's error where it can't be asked.
    """
    now = timezone.now()
    with system_transaction():
        found = find_stations([request.address for request in requests])
    decided = [_decide(*pair, now) for pair in zip(found, requests, strict=True)]
    # A station that asks twice at once: the later request counts.
    claims = {
        signed_in.charge_point_id: _claim(request, signed_in, now)
        for request, signed_in in zip(requests, decided, strict=True)
        if isinstance(signed_in, SignedIn) and request.version
    }
    places = claim_all(claims.values())
    _count([one.counted for one in decided if isinstance(one, SignInRefused) and one.counted], now)
    return [_outcome(*pair, claims, places) for pair in zip(requests, decided, strict=True)]


def enter_alone(request: EntryRequest) -> Entered:
    """The same for one. Raises SignInRefused, the database's errors."""
    signed_in = sign_in(request.address, request.credentials)
    if not request.version:
        return Entered(signed_in, None, None)
    claim = _claim(request, signed_in, timezone.now())
    return Entered(signed_in, claim, claim_connection(claim))


def _decide(found: Found, request: EntryRequest, now: datetime) -> SignedIn | SignInRefused | None:
    if asks_for_more(found):
        return None
    try:
        charge_point, proof = decide(found, request.credentials, now)
    except SignInRefused as refused:
        return refused
    return None if proof else signed_in_as(charge_point, found)


def _claim(request: EntryRequest, signed_in: SignedIn, now: datetime) -> Claim:
    return Claim(
        signed_in.tenant_id,
        signed_in.charge_point_id,
        signed_in.identity,
        request.connection_id,
        request.gateway_id,
        request.credentials.remote_address,
        request.version,
        now,
    )


def _outcome(
    request: EntryRequest,
    decided: SignedIn | SignInRefused | None,
    claims: dict[int, Claim],
    places: dict[UUID, Superseded | None],
) -> Entered | SignInRefused | None:
    if not isinstance(decided, SignedIn):
        return decided
    if not request.version:
        return Entered(decided, None, None)
    claim = claims[decided.charge_point_id]
    if claim.connection_id != request.connection_id:
        return SignInRefused(503, "it has asked again since")
    if claim.connection_id not in places:
        return None
    return Entered(decided, claim, places[claim.connection_id])


def _count(refusals: list[Refusal], now: datetime) -> None:
    try:
        count_refusals(refusals, now)
    except (DatabaseError, InterfaceError) as error:
        # The rest of the group holds its places already.
        log.warning("refused sign-ins not counted", refusals=len(refusals), error=str(error)[:200])
