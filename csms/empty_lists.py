"""What a list of the back office says while it is empty: what would stand here, and what to do next.

Knows nothing of rows: only texts, and the pages that help on.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenants.models import Role


@dataclass(frozen=True, slots=True)
class EmptyList:
    """`text`: what comes here, and from where. `action` opens the page `url_name`, for those of `role` and above."""

    text: Promise
    action: Promise | None = None
    url_name: str = ""
    role: str = Role.VIEWER


STATIONS = "admin:chargepoints_chargepoint_changelist"
TO_STATIONS = _("To the charge points")

EMPTY_LISTS: dict[str, EmptyList] = {
    "chargepoints.chargepoint": EmptyList(
        _(
            "A charge point is a station with its connectors. Enter its identity and a password, or import a file of "
            "them; then type the address and the password into the station."
        ),
    ),
    "chargepoints.transaction": EmptyList(
        _(
            "Sessions come from the stations: one begins when a driver holds an id tag to a station, or when you start "
            "one from a station's page."
        ),
        TO_STATIONS,
        STATIONS,
    ),
    "metering.alert": EmptyList(
        _(
            "Nothing waits for you. Stations that go offline, report a fault or pass a threshold appear here by "
            "themselves; recipients are told by mail."
        ),
        _("Who is told"),
        "admin:metering_alertrecipient_changelist",
    ),
    "chargepoints.command": EmptyList(
        _(
            "What people, programs and the system send to stations, each with its answer. Send one from the page of a "
            "charge point."
        ),
        TO_STATIONS,
        STATIONS,
        Role.OPERATOR,
    ),
    "chargepoints.bulkcommand": EmptyList(
        _(
            "Work on many stations at once: resets, configuration, availability. Filter the charge points, tick those "
            "that are meant, and choose an action above the list."
        ),
        TO_STATIONS,
        STATIONS,
        Role.OPERATOR,
    ),
    "chargepoints.firmwarefile": EmptyList(
        _("Upload a firmware file here; then send it to one station from its page, or to many as a rollout."),
    ),
    "chargepoints.firmwareupdate": EmptyList(
        _("Each station that was told to take a firmware file, and how far it has come."),
        _("To the firmware files"),
        "admin:chargepoints_firmwarefile_changelist",
    ),
    "chargepoints.firmwarerollout": EmptyList(
        _("A rollout brings one firmware file to many stations in waves, and halts when too many fail."),
    ),
    "chargepoints.stationupload": EmptyList(
        _("Diagnostics and logs that stations were asked for. Ask for one on the firmware and logs tab of a station."),
        TO_STATIONS,
        STATIONS,
    ),
    "chargepoints.stationconnection": EmptyList(
        _("No station is connected now. One that should be: its page says when it came last and why it was refused."),
        TO_STATIONS,
        STATIONS,
    ),
    "chargepoints.signinattempt": EmptyList(
        _("No station was turned away. One that comes with a wrong identity or password stands here with the reason."),
    ),
    "chargepoints.securityevent": EmptyList(
        _("What stations report of their own security: restarts, changed clocks, opened housings, failed sign-ins."),
    ),
    "chargepoints.unmatchedstop": EmptyList(
        _("All is well: every end of a session that stations told of had its beginning."),
    ),
    "metering.signedreading": EmptyList(
        _("Readings that meters signed themselves, for drivers who check them. Meters that sign deliver them unasked."),
    ),
    "metering.quarantinedreading": EmptyList(
        _("All is well: every reading that stations sent could be taken. What cannot be true is kept here instead."),
    ),
    "smartcharging.limitsent": EmptyList(
        _(
            "Load management sends limits to the connectors of circuits when sessions begin, end, or take another "
            "power."
        ),
        _("To the circuits"),
        "admin:smartcharging_circuit_changelist",
    ),
    "smartcharging.profiletemplate": EmptyList(
        _(
            "A charging profile that is written once, say less power by day, and then sent to as many stations as wanted."
        ),
    ),
    "smartcharging.idtagneed": EmptyList(
        _("What a driver needs, and by when: load management serves those first who leave soon."),
    ),
    "smartcharging.energyprice": EmptyList(
        _("Prices of energy by the hour. Circuits that charge at the cheapest hours need them."),
        _("Upload prices"),
        "admin:energy_prices_upload",
        Role.ADMIN,
    ),
    "chargepoints.idtag": EmptyList(
        _("An id tag is a driver's card or key fob. Enter its number, or import a file of them."),
    ),
    "chargepoints.reservation": EmptyList(
        _("A reservation keeps a connector free for one tag. Make one from the page of a charge point."),
        TO_STATIONS,
        STATIONS,
        Role.OPERATOR,
    ),
    "metering.idtaglimit": EmptyList(
        _("How much energy, time or money a tag may take per session or month. Tags without one have no limit."),
    ),
    "metering.tariff": EmptyList(
        _("What charging costs: per kWh, per hour, per session. Without a tariff, sessions have no price."),
    ),
    "metering.tariffassignment": EmptyList(
        _(
            "Says where a tariff applies: everywhere, at a site, at a station, or for some tags. The nearest one counts."
        ),
        _("To the tariffs"),
        "admin:metering_tariff_changelist",
    ),
    "metering.chargedetailrecord": EmptyList(
        _("The account of each session: energy, time and price, as it is billed. Written when a session has ended."),
        _("To the sessions"),
        "admin:chargepoints_transaction_changelist",
    ),
    "metering.threshold": EmptyList(
        _("Bounds of a reading, such as the voltage: a value outside them raises an alert."),
    ),
    "metering.alertrecipient": EmptyList(
        _("Nobody is told of alerts by mail. Enter who should be, and of how severe ones."),
    ),
    "metering.meteringsettings": EmptyList(
        _("The usual settings apply: how long readings are kept, and how they are checked. Change them here."),
    ),
    "chargepoints.site": EmptyList(
        _(
            "A site is a place where charge points stand: a car park, a depot, a street. With its coordinates it "
            "appears on the map."
        ),
    ),
    "chargepoints.authorizationwebhook": EmptyList(
        _("The list of id tags decides who may charge. A system of yours can decide instead: enter its address."),
        _("To the id tags"),
        "admin:chargepoints_idtag_changelist",
    ),
    "chargepoints.securitysettings": EmptyList(
        _("The usual settings apply: stations sign in with a password. Ask for more here: TLS, certificates, renewal."),
    ),
    "chargepoints.certificateauthority": EmptyList(
        _("Signs the certificates of stations, which security profile 3 needs. Make one here, or bring your own."),
    ),
    "chargepoints.stationcertificate": EmptyList(
        _("Certificates by which stations prove who they are. They appear once an authority has signed one."),
        _("To the certificate authorities"),
        "admin:chargepoints_certificateauthority_changelist",
    ),
    "tenants.invitation": EmptyList(
        _("Nobody is invited at present."),
        _("To the people"),
        "admin:tenants_membership_changelist",
    ),
    "tenants.apikey": EmptyList(
        _("A key lets a program of yours use the REST API, within the rights that you tick for it."),
    ),
    "tenants.webhook": EmptyList(
        _(
            "A webhook tells a system of yours by HTTP what happens: sessions, faults, records. Signed, and tried again."
        ),
    ),
    "tenants.webhookdelivery": EmptyList(
        _("Each event that was sent to a webhook, with the answer."),
        _("To the webhooks"),
        "admin:tenants_webhook_changelist",
    ),
    "tenants.outboxevent": EmptyList(
        _("What happened, as programs are told of it. Events appear as soon as the first station connects."),
        TO_STATIONS,
        STATIONS,
    ),
    "tenants.auditentry": EmptyList(
        _("Who changed what, with the values before and after. Nothing was changed yet."),
    ),
    "tenants.platformentry": EmptyList(
        _("What was done for the platform as a whole: tenants made, moved and deleted."),
    ),
    "tenants.systemalert": EmptyList(_("All is well: nothing of the system itself is wrong.")),
    "chargepoints.gateway": EmptyList(
        _("No gateway runs: stations cannot connect. The process named gateway must run."),
    ),
}
