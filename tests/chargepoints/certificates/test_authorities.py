"""Certificate authorities: made or brought, one signs, private keys sealed."""

from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone

from chargepoints.models import (
    CertificateAuthority,
)
from chargepoints.services.certificate_authority import (
    activate_authority,
    bring_authority,
    revocation_list,
)
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tenants.sealing import SealBroken, seal, unseal
from tests.chargepoints.certificates.rows import BY, make_authority
from tests.chargepoints.pki import certificate_of, key_pem, new_key, pem


def test_a_private_key_is_sealed_at_rest_and_in_no_audit_row(tenant: Tenant) -> None:
    key = new_key()
    own = certificate_of("Acme Root", key=key, authority=True)
    with tenant_transaction(tenant.pk):
        authority = bring_authority(
            name="Root", certificate=pem(own) + key_pem(key), private_key=key_pem(key), validity_days=90, **BY
        )
        authority.refresh_from_db()
        assert authority.private_key.startswith("v1.")
        assert "PRIVATE" not in authority.private_key + authority.certificate
        assert (authority.brought, authority.active) == (True, True)
        entry = AuditEntry.objects.get(object_type="certificateauthority")
        assert (entry.actor, entry.action, entry.changes) == ("alice", "create", {"brought": True})


@pytest.mark.parametrize("field", ["certificate", "privateKey"])
def test_an_authority_that_does_not_fit_together_is_refused_naming_the_field(tenant: Tenant, field: str) -> None:
    key, other = new_key(), new_key()
    root = certificate_of("Root", key=key, authority=True)
    leaf = certificate_of("Leaf", key=key)
    old = certificate_of("Old", key=key, authority=True, days=(-30, -1))
    stranger = certificate_of("Stranger", key=other, authority=True)
    bad: dict[str, list[tuple[str, str]]] = {
        "certificate": [
            ("nothing", key_pem(key)),
            (pem(leaf), key_pem(key)),
            (pem(old), key_pem(key)),
            (pem(root) + pem(stranger), key_pem(key)),
        ],
        "privateKey": [(pem(root), key_pem(other)), (pem(root), "garbage")],
    }
    for certificate, private_key in bad[field]:
        with tenant_transaction(tenant.pk), pytest.raises(ValidationError) as caught:
            bring_authority(name="", certificate=certificate, private_key=private_key, validity_days=90, **BY)
        assert list(caught.value.message_dict) == [field]


def test_one_authority_signs_at_a_time_and_one_without_a_key_never(tenant: Tenant) -> None:
    first, second = make_authority(tenant), make_authority(tenant)
    key = new_key()
    with tenant_transaction(tenant.pk):
        checks = bring_authority(
            name="Checks",
            certificate=pem(certificate_of("R", key=key, authority=True)),
            private_key="",
            validity_days=90,
            **BY,
        )
        assert CertificateAuthority.objects.get(active=True) == second
        with pytest.raises(ValidationError):
            activate_authority(checks, **BY)
        activate_authority(first, **BY)
        assert CertificateAuthority.objects.get(active=True) == first


def test_sealing_keys_rotate(tenant: Tenant, settings: Any) -> None:
    authority = make_authority(tenant)
    old = list(settings.SEALING_KEYS)
    settings.SEALING_KEYS = ["a new key", *old]
    for said in ("1 secrets", "0 secrets"):
        out = StringIO()
        call_command("reseal_secrets", stdout=out)
        assert said in out.getvalue()
    settings.SEALING_KEYS = ["a new key"]
    with tenant_transaction(tenant.pk):
        authority.refresh_from_db()
        assert revocation_list(authority, timezone.now()).startswith("-----BEGIN X509 CRL")
    settings.SEALING_KEYS = old
    with pytest.raises(SealBroken):
        unseal(authority.private_key, "certificate authority")


def test_a_seal_opens_only_for_its_purpose() -> None:
    sealed = seal("secret", "one")
    assert unseal(sealed, "one") == "secret"
    assert "secret" not in sealed
    for broken in (sealed[:-6] + "AAAAAA", "v1.00000000.AAAA", "", "secret"):
        with pytest.raises(SealBroken):
            unseal(broken, "one")
    with pytest.raises(SealBroken):
        unseal(sealed, "another")
