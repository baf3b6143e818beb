"""Passwords of charge points: long random keys, kept as a fast keyed hash.

A slow hash would guard guessable passwords; these are random with at least 16 characters, and 10,000
stations sign in at once after a restart. The key (`STATION_PASSWORD_KEY`) keeps a stolen table useless.
"""

import hashlib
import hmac
import secrets

from django.conf import settings

MIN_LENGTH = 16
# OCPP 1.6 Security Whitepaper: AuthorizationKey is at most 40 characters, so it fits every station.
GENERATED_BYTES = 16


def hash_password(password: bytes) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(settings.STATION_PASSWORD_KEY.encode(), password, hashlib.sha256).hexdigest()


def generate_password() -> str:
    """A new random password: 32 hex digits, valid as AuthorizationKey both as text and as hex."""
    return secrets.token_hex(GENERATED_BYTES)


def password_matches(given: bytes, *hashes: str) -> bool:
    """Whether `given` is one of the stored passwords, as text, as hex of it, or decoded from its hex.

    Stations differ in whether they send AuthorizationKey as it was set or as the bytes that it spells.
    Every pair is compared, each in constant time.
    """
    spellings = [given, given.hex().encode(), given.hex().upper().encode()]
    try:
        spellings.append(bytes.fromhex(given.decode("ascii")))
    except ValueError:
        pass
    digests = [hash_password(spelling) for spelling in spellings]
    results = [hmac.compare_digest(digest, stored) for digest in digests for stored in hashes if stored]
    return any(results)
