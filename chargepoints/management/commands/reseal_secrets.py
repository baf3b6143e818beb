"""`manage.py reseal_secrets`: after a new key was put in front of CSMS_SEALING_KEYS, seal everything with it."""

from typing import Any

from django.core.management.base import BaseCommand

from chargepoints.services.certificate_authority import reseal_authorities
from chargepoints.services.password_rotation import reseal_passwords
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Seal secrets at rest with the first of CSMS_SEALING_KEYS, so that the others can be dropped."

    def handle(self, *args: Any, **options: Any) -> None:
        with system_transaction():
            tenants = list(Tenant.objects.values_list("pk", flat=True))
        resealed = 0
        for tenant_id in tenants:
            with tenant_transaction(tenant_id):
                resealed += reseal_authorities() + reseal_passwords()
        self.stdout.write(f"{resealed} secrets sealed anew.")
