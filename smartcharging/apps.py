"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class SmartChargingConfig(AppConfig):
    name = "smartcharging"
    verbose_name = gettext_lazy("Smart charging")

    def ready(self) -> None:
        from chargepoints.services import command_hooks, hand_checks, session_hooks
        from chargepoints.services.remote_profiles import register_start_profiles
        from metering.ingest.process import register_follower
        from smartcharging import receivers, sentences  # noqa: F401 (pages show the sentences of rounds)
        from smartcharging.services import by_hand, drift, dropped, settling, settling_together
        from smartcharging.services.adopting import keep_remote_profile
        from smartcharging.services.power_watch import PowerWatch
        from smartcharging.services.profiles import check_start_profile
        from smartcharging.services.templates import create_default_templates
        from tenants.services.tenants import on_tenant_created

        command_hooks.register_at_end("SetChargingProfile", settling.set_ended, settling_together.many_set_ended)
        command_hooks.register_at_end("ClearChargingProfile", settling.clear_ended)
        command_hooks.register_at_end("RemoteStartTransaction", settling.remote_start_ended)
        command_hooks.register_at_end("GetCompositeSchedule", drift.schedule_came)
        hand_checks.register_check("SetChargingProfile", by_hand.check_set)
        hand_checks.register_check("ClearChargingProfile", by_hand.check_clear)
        hand_checks.register_check("RemoteStartTransaction", by_hand.check_start)
        register_start_profiles(check_start_profile, keep_remote_profile)
        on_tenant_created(create_default_templates)
        session_hooks.register_at_start(settling.session_began)
        session_hooks.register_at_end(dropped.session_over)
        # After what settles profiles: a round reads what has come of them.
        session_hooks.register_at_start(receivers.session_began)
        session_hooks.register_at_end(receivers.session_over)
        settling.on_profile_settled(receivers.profiles_settled)
        register_follower(PowerWatch)
