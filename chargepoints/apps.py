"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class ChargePointsConfig(AppConfig):
    name = "chargepoints"
    verbose_name = gettext_lazy("Charge points")

    def ready(self) -> None:
        from django.conf import settings
        from django.db.models.signals import pre_delete

        from chargepoints.models import ChargePoint
        from chargepoints.protocol.registry import autodiscover, registry
        from chargepoints.services import command_hooks
        from chargepoints.services.closing import close_deleted
        from chargepoints.services.file_adoption import adopt_updates, adopt_uploads
        from chargepoints.services.local_list_adoption import adopt_list
        from chargepoints.services.outcomes import session_began, session_over
        from chargepoints.services.reservation_adoption import adopt_cancellation, adopt_reservation
        from chargepoints.services.session_hooks import register_at_end, register_at_start
        from chargepoints.services.suspension import have_gateways_look
        from chargepoints.services.uptime import fold_arrival
        from tenants.databases.move import on_arrival
        from tenants.services.tenants import on_status_changed

        autodiscover()
        # In every process, whatever it has imported.
        pre_delete.connect(close_deleted, sender=ChargePoint)
        on_status_changed(have_gateways_look)
        on_arrival(fold_arrival)
        register_at_start(session_began)
        register_at_end(session_over)
        command_hooks.register_at_end("ReserveNow", adopt_reservation)
        command_hooks.register_at_end("CancelReservation", adopt_cancellation)
        command_hooks.register_at_end("SendLocalList", adopt_list)
        command_hooks.register_when_made("UpdateFirmware", adopt_updates)
        command_hooks.register_when_made("SignedUpdateFirmware", adopt_updates)
        command_hooks.register_when_made("GetDiagnostics", adopt_uploads)
        command_hooks.register_when_made("GetLog", adopt_uploads)
        registry.check_replies = settings.TESTING or settings.DEBUG
