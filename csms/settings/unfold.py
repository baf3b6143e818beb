"""Look and navigation of the back office (django-unfold)."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


def _item(title: Any, icon: str, name: str, permission: str = "") -> dict[str, Any]:
    item = {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}")}
    return item | {"permission": permission} if permission else item


def is_platform(request: HttpRequest) -> bool:
    """Platform staff see the platform's pages."""
    access = getattr(request, "access", None)
    return access is not None and access.role == "platform"


def is_administrator(request: HttpRequest) -> bool:
    """What a tenant makes use of is for those who answer for it."""
    access = getattr(request, "access", None)
    return access is not None and access.role in {"admin", "platform"}


def has_choice(request: HttpRequest) -> bool:
    """People with more than one tenant may change."""
    return len(getattr(request, "accesses", [])) > 1


def tenant_name(request: HttpRequest) -> str:
    """The tenant that one works in stands in the header of every page."""
    access = getattr(request, "access", None)
    return access.tenant.name if access else "CSMS"


def zone_shown(request: HttpRequest) -> str:
    """In what time zone the times of every page are, below the tenant's name."""
    from tenants.selectors import tenant_zone

    access = getattr(request, "access", None)
    if access is None:
        return gettext("Charging station management")
    return gettext("Times in %(zone)s") % {"zone": tenant_zone(access.tenant)}


def open_alerts(request: HttpRequest) -> str:
    """How many alerts wait for someone; nothing where none does. Pages outside a tenant's scope show none."""
    from metering.alerts.selectors import open_count
    from tenants.context import current_scope

    access = getattr(request, "access", None)
    if access is None or current_scope() is None:
        return ""
    count = open_count(access.tenant.pk, most=1000)
    return "999+" if count > 999 else str(count or "")


PLATFORM = "csms.settings.unfold.is_platform"
UNFOLD_SETTINGS: dict[str, Any] = {
    "SITE_TITLE": "CSMS",
    "SITE_HEADER": "csms.settings.unfold.tenant_name",
    "SITE_SUBHEADER": "csms.settings.unfold.zone_shown",
    "SITE_SYMBOL": "ev_station",
    # There is no other site to return to.
    "SITE_URL": None,
    "LOGIN": {"form": "csms.sign_in.MemberSignIn"},
    "ACCOUNT": {"navigation": [{"title": _("Your account"), "link": reverse_lazy("admin:account")}]},
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("csms/favicon.svg")},
    ],
    "SCRIPTS": [lambda request: static("csms/boxes.js")],
    "STYLES": [
        lambda request: static("csms/office.css"),
        lambda request: static("csms/station.css"),
        lambda request: static("csms/palette.css"),
        lambda request: static("csms/menu.css"),
    ],
    "SIDEBAR": {
        "show_search": True,
        # What is used daily first, and open; the other groups fold (templates/unfold/helpers/app_list.html).
        "navigation": [
            {
                "title": _("Operate"),
                "items": [
                    _item(_("Overview"), "dashboard", "index"),
                    _item(_("Live board"), "grid_view", "board"),
                    _item(_("Charge points"), "ev_station", "chargepoints_chargepoint_changelist"),
                    _item(_("Sessions"), "bolt", "chargepoints_transaction_changelist"),
                    _item(_("Alerts"), "notifications", "metering_alert_changelist")
                    | {"badge": "csms.settings.unfold.open_alerts", "badge_variant": "danger"},
                    _item(_("Id tags"), "badge", "chargepoints_idtag_changelist"),
                    _item(_("Change tenant"), "swap_horiz", "choose_tenant", "csms.settings.unfold.has_choice"),
                ],
            },
            {
                "title": _("Remote work"),
                "collapsible": True,
                "items": [
                    _item(_("Commands"), "send", "chargepoints_command_changelist"),
                    _item(_("Commands to many"), "dynamic_feed", "chargepoints_bulkcommand_changelist"),
                    _item(_("Firmware"), "system_update_alt", "chargepoints_firmwarefile_changelist"),
                    _item(_("Firmware rollouts"), "move_down", "chargepoints_firmwarerollout_changelist"),
                    _item(_("Configuration keys"), "tune", "tenant_configuration"),
                    _item(_("Files of stations"), "upload_file", "chargepoints_stationupload_changelist"),
                ],
            },
            {
                "title": _("Diagnosis"),
                "collapsible": True,
                "items": [
                    _item(_("Messages"), "forum", "message_log"),
                    _item(_("Connections"), "cable", "chargepoints_stationconnection_changelist"),
                    _item(_("Refused sign-ins"), "block", "chargepoints_signinattempt_changelist"),
                    _item(_("Security events"), "gpp_maybe", "chargepoints_securityevent_changelist"),
                    _item(_("Stops without a session"), "help", "chargepoints_unmatchedstop_changelist"),
                    _item(_("Signed readings"), "verified", "metering_signedreading_changelist"),
                    _item(_("Quarantined readings"), "report", "metering_quarantinedreading_changelist"),
                ],
            },
            {
                "title": _("Smart charging"),
                "collapsible": True,
                "items": [
                    _item(_("Circuits"), "account_tree", "smartcharging_circuit_changelist"),
                    _item(_("Limits sent"), "tune", "smartcharging_limitsent_changelist"),
                    _item(_("Profile templates"), "schedule", "smartcharging_profiletemplate_changelist"),
                    _item(_("Needs of tags"), "departure_board", "smartcharging_idtagneed_changelist"),
                    _item(_("Energy prices"), "euro", "smartcharging_energyprice_changelist"),
                ],
            },
            {
                "title": _("Drivers"),
                "collapsible": True,
                "items": [
                    _item(_("Reservations"), "event_available", "chargepoints_reservation_changelist"),
                    _item(_("Limits of tags"), "speed", "metering_idtaglimit_changelist"),
                    _item(_("Who decides about tags"), "how_to_reg", "chargepoints_authorizationwebhook_changelist"),
                ],
            },
            {
                "title": _("Billing"),
                "collapsible": True,
                "items": [
                    _item(_("Tariffs"), "sell", "metering_tariff_changelist"),
                    _item(_("Where tariffs apply"), "label", "metering_tariffassignment_changelist"),
                    _item(_("Charge detail records"), "receipt_long", "metering_chargedetailrecord_changelist"),
                ],
            },
            {
                "title": _("Settings"),
                "collapsible": True,
                "items": [
                    _item(_("Sites"), "location_on", "chargepoints_site_changelist"),
                    _item(_("Thresholds"), "rule", "metering_threshold_changelist"),
                    _item(_("Alert recipients"), "mail", "metering_alertrecipient_changelist"),
                    _item(_("Metering"), "electric_meter", "metering_meteringsettings_changelist"),
                    _item(_("Security"), "password", "chargepoints_securitysettings_changelist"),
                    _item(_("Certificate authorities"), "shield_lock", "chargepoints_certificateauthority_changelist"),
                    _item(_("Station certificates"), "workspace_premium", "chargepoints_stationcertificate_changelist"),
                ],
            },
            {
                "title": _("People and programs"),
                "collapsible": True,
                "items": [
                    _item(_("People"), "group", "tenants_membership_changelist"),
                    _item(_("Audit trail"), "history", "tenants_auditentry_changelist"),
                    _item(_("API keys"), "key", "tenants_apikey_changelist"),
                    _item(_("Webhooks"), "webhook", "tenants_webhook_changelist"),
                    _item(_("What webhooks were sent"), "outbox", "tenants_webhookdelivery_changelist"),
                    _item(_("Events"), "rss_feed", "tenants_outboxevent_changelist"),
                    _item(_("Usage"), "data_usage", "usage", "csms.settings.unfold.is_administrator"),
                ],
            },
            {
                "title": _("Platform"),
                "collapsible": True,
                "items": [
                    _item(_("All tenants"), "monitoring", "all_tenants", PLATFORM),
                    _item(_("Tenants"), "apartment", "tenants_tenant_changelist", PLATFORM),
                    _item(_("Users"), "person", "tenants_user_changelist", PLATFORM),
                    _item(_("Platform trail"), "history", "tenants_platformentry_changelist", PLATFORM),
                    _item(_("Gateways"), "router", "chargepoints_gateway_changelist", PLATFORM),
                    _item(_("System alerts"), "emergency_home", "tenants_systemalert_changelist", PLATFORM),
                ],
            },
        ],
    },
}
