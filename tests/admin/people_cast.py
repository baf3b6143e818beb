"""What tests of people share: browsers, codes of an authenticator app, links in mails."""

import re
import time
from typing import Any

from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP

from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, Authenticator, Tenant, User
from tenants.models.authenticator import STEP_S
from tenants.services.second_factor import begin_setup, confirm_setup

PASSWORD = "correct-horse-battery"


def code_of(user: User, steps: int = 0) -> str:
    """What the person's app shows now, or so many steps of half a minute later."""
    with system_transaction():
        totp = TOTP(Authenticator.objects.get(user=user).key, STEP_S)
    totp.time = time.time() + steps * STEP_S
    return f"{totp.token():06d}"


def enrol(user: User) -> list[str]:
    """Give the person a second factor; their recovery codes. Codes of now have not been used yet."""
    begin_setup(user)
    codes = confirm_setup(user, code_of(user, -1))
    assert codes is not None
    return codes


def forget_throttle(user: User) -> None:
    """As if the pause after wrong codes were over."""
    with system_transaction():
        Authenticator.objects.filter(user=user).update(throttling_failure_timestamp=None, throttling_failure_count=0)


def sign_in(client: Client, name: str, password: str = "") -> Any:
    return client.post(reverse("admin:login"), {"username": name, "password": password or name * 2})


def begin_setting_up(client: Client, name: str) -> Any:
    """Give the password that is asked for before a phone is added; the page with the QR code."""
    client.post(reverse("admin:two_factor"), {"password": name * 2})
    return client.get(reverse("admin:two_factor"))


def is_in(client: Client) -> bool:
    """Whether the browser sees the back office."""
    return bool(client.get(reverse("admin:index")).status_code == 200)


def link_in_mail(number: int = -1) -> str:
    """The path of the link in a mail."""
    found = re.search(rf"{re.escape(settings.PUBLIC_URL)}(/admin/\S+)", str(mail.outbox[number].body))
    assert found is not None, mail.outbox[number].body
    return found[1]


def trail(tenant: Tenant) -> list[tuple[str, str]]:
    """(actor, action) of all entries, the oldest first."""
    with tenant_transaction(tenant.pk):
        return list(AuditEntry.objects.order_by("pk").values_list("actor", "action"))
