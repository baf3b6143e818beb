"""A person's second factor: an app that shows codes, and codes on paper for the day when it is lost."""

import secrets
import time
from base64 import b32encode
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import structlog
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from tenants.models.people import User
from tenants.sealing import SealBroken, seal, unseal

log = structlog.get_logger(__name__)

PURPOSE = "second factor"
# Of the shared secret (RFC 4226 §4: at least 128 bits, 160 recommended); of a code's life; codes before and after that pass.
KEY_BYTES, STEP_S, TOLERANCE = 20, 30, 1
# The pause after a wrong code doubles up to 2^9 s: some eight minutes. A guess has three of a million codes.
MOST_DOUBLINGS = 10


class Authenticator(TimestampMixin, ThrottlingMixin, Device):
    """Codes after RFC 6238, on django-otp's device: throttled, each code once. The secret is sealed.

    Not django-otp's own TOTP device: that keeps the secret as it is. `recovery_hashes`: SHA-256 of codes that are left.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="authenticator")
    name = models.CharField(max_length=64, blank=True, default="")
    confirmed = models.BooleanField(default=False)
    sealed_key = models.CharField(max_length=200)
    # The time step of the last code that passed: none before it passes again.
    last_step = models.BigIntegerField(default=-1)
    recovery_hashes = ArrayField(models.CharField(max_length=64), default=list)

    class Meta:
        verbose_name = "authenticator"

    def __str__(self) -> str:
        return f"authenticator of {self.user_id}"

    def renew_key(self) -> None:
        """A new shared secret, not stored yet."""
        self.sealed_key = seal(secrets.token_hex(KEY_BYTES), PURPOSE)
        self.last_step = -1

    @property
    def key(self) -> bytes:
        """The shared secret. Raises SealBroken."""
        return bytes.fromhex(unseal(self.sealed_key, PURPOSE))

    @property
    def key_text(self) -> str:
        """As people type it into an app: base 32 in groups of four."""
        text = b32encode(self.key).decode()
        return " ".join(text[at : at + 4] for at in range(0, len(text), 4))

    def uri(self, username: str) -> str:
        """What the QR code says (the Key URI format of authenticator apps)."""
        issuer = settings.TWO_FACTOR_ISSUER
        label = quote(f"{issuer}:{username}")
        secret = b32encode(self.key).decode()
        query = urlencode({"secret": secret, "issuer": issuer, "digits": 6, "period": STEP_S}, quote_via=quote)
        return f"otpauth://totp/{label}?{query}"

    def verify_token(self, token: str) -> bool:
        """Whether it is a code of now (or one step off) that has not passed before. Stores what follows from it."""
        allowed, _ = self.verify_is_allowed()
        if not allowed:
            return False
        try:
            code = TOTP(self.key, STEP_S)
        except SealBroken:
            # The key of the settings is gone: recovery codes, which need none, are the way in.
            log.error("second factor can't be read", user_id=self.user_id)
            return False
        code.time = time.time()
        passed = token.isascii() and token.isdigit() and code.verify(int(token), TOLERANCE, self.last_step + 1)
        if not passed:
            self.throttle_increment()
            return False
        self.last_step = code.t()
        self.note_use()
        return True

    def note_use(self) -> None:
        """It has passed: no more waiting. Stores the row."""
        self.throttle_reset(commit=False)
        self.set_last_used_timestamp(commit=False)
        self.save()

    @property
    def locked_until(self) -> datetime | None:
        """When the next code may be tried, where that is not now."""
        _, details = self.verify_is_allowed()
        found: Any = (details or {}).get("locked_until")
        return found if isinstance(found, datetime) else None

    def get_throttle_factor(self) -> int:
        return 1

    def throttle_increment(self, commit: bool = True) -> None:
        failures: int = self.throttling_failure_count
        self.throttling_failure_count = min(failures, MOST_DOUBLINGS - 1)
        super().throttle_increment(commit)
