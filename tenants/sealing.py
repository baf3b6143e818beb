"""Secrets at rest: sealed with a key from the settings, so that a stolen table or backup shows none.

AES-256-GCM; each purpose has a key of its own, derived from `settings.SEALING_KEYS`. The first of these seals, all of
them open, and a seal names its key: keys are rotated by putting a new one in front (docs/operations.md).
"""

import base64
import hashlib
import secrets
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

VERSION = "v1"
NONCE_BYTES = 12


class SealBroken(Exception):
    """The secret can't be read: its key is gone from the settings, or the text was tampered with."""


def seal(secret: str, purpose: str) -> str:
    """`v1.<key id>.<text>`; opened only by `unseal` with the same purpose."""
    key = settings.SEALING_KEYS[0]
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(_derived(key, purpose)).encrypt(nonce, secret.encode(), purpose.encode())
    return f"{VERSION}.{key_id(key)}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def unseal(sealed: str, purpose: str) -> str:
    """The secret. Raises SealBroken."""
    version, _, rest = sealed.partition(".")
    wanted, _, text = rest.partition(".")
    key = next((one for one in settings.SEALING_KEYS if key_id(one) == wanted), None)
    if version != VERSION or key is None:
        raise SealBroken("no key of this id")
    try:
        raw = base64.urlsafe_b64decode(text)
        opened = AESGCM(_derived(key, purpose)).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], purpose.encode())
    except (ValueError, InvalidTag):
        raise SealBroken("not what was sealed") from None
    return opened.decode()


def is_current(sealed: str) -> bool:
    """Whether it was sealed with the first key."""
    return sealed.startswith(f"{VERSION}.{key_id(settings.SEALING_KEYS[0])}.")


@cache
def key_id(key: str) -> str:
    """What a seal calls its key; says nothing of it."""
    return hashlib.sha256(b"csms sealing key id " + key.encode()).hexdigest()[:8]


@cache
def _derived(key: str, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"csms sealing {purpose}".encode()).derive(key.encode())
