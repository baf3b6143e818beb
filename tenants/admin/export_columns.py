"""What files of this app's lists contain. Never: keys, hashes, passwords, secrets."""

from django.utils.translation import gettext_lazy as _

from tenants.admin.exports.columns import Column, declare_export
from tenants.models import (
    ApiKey,
    AuditEntry,
    Invitation,
    Membership,
    OutboxEvent,
    PlatformEntry,
    SystemAlert,
    Tenant,
    User,
    Webhook,
    WebhookDelivery,
)

declare_export(
    AuditEntry,
    [
        Column(_("At"), "at"),
        Column(_("Actor"), "actor"),
        Column(_("Origin"), "origin"),
        Column(_("Action"), "action"),
        Column(_("Object type"), "object_type"),
        Column(_("Object id"), "object_id"),
        Column(_("Object"), "object_name"),
        Column(_("Changes"), "changes"),
    ],
)
declare_export(
    ApiKey,
    [
        Column(_("Name"), "name"),
        Column(_("Begins with"), "prefix"),
        Column(_("Role"), "role"),
        Column(_("Scopes"), "scopes"),
        Column(_("Expires"), "expires_at"),
        Column(_("Revoked"), "revoked_at"),
        Column(_("Created"), "created_at"),
        Column(_("Last used"), "last_used_at"),
    ],
)
declare_export(
    Membership,
    [
        Column(_("Person"), "user__username"),
        Column(_("First name"), "user__first_name"),
        Column(_("Last name"), "user__last_name"),
        Column(_("E-mail"), "user__email"),
        Column(_("Role"), "role"),
        Column(_("Since"), "created_at"),
    ],
)
declare_export(
    Invitation,
    [
        Column(_("E-mail"), "email"),
        Column(_("Role"), "role"),
        Column(_("Invited by"), "invited_by"),
        Column(_("Created"), "created_at"),
        Column(_("Expires"), "expires_at"),
        Column(_("Mailed"), "sent_at"),
        Column(_("Why it was not mailed"), "mail_error"),
        Column(_("Accepted"), "accepted_at"),
        Column(_("Accepted by"), "accepted_by"),
        Column(_("Revoked"), "revoked_at"),
    ],
)
declare_export(
    OutboxEvent,
    [
        Column(_("Number"), "id"),
        Column(_("Event id"), "event_id"),
        Column(_("Event"), "event_type"),
        Column(_("At"), "at"),
        Column(_("Charge point"), "charge_point"),
        Column(_("Data"), "data"),
        Column(_("Created"), "created_at"),
    ],
)
declare_export(
    Webhook,
    [
        Column(_("Address"), "url"),
        Column(_("Description"), "description"),
        Column(_("Events"), "event_types"),
        Column(_("Enabled"), "enabled"),
        Column(_("Why it is off"), "disabled_reason"),
        Column(_("Does not answer since"), "failing_since"),
        Column(_("Waiting"), "waiting_count"),
        Column(_("Given up"), "dead_count"),
        Column(_("Last delivered"), "last_delivered_at"),
        Column(_("Created by"), "created_by"),
        Column(_("Created"), "created_at"),
    ],
)
declare_export(
    WebhookDelivery,
    [
        Column(_("Created"), "created_at"),
        Column(_("Event"), "event__event_type"),
        Column(_("Event id"), "event__event_id"),
        Column(_("Charge point"), "charge_point"),
        Column(_("Webhook"), "webhook__url"),
        Column(_("State"), "state"),
        Column(_("Attempts"), "attempts"),
        Column(_("HTTP status"), "status_code"),
        Column(_("Detail"), "detail"),
        Column(_("Answer took (ms)"), "duration_ms"),
        Column(_("Last tried"), "last_at"),
        Column(_("Not before"), "next_at"),
    ],
)

# --- of the platform ---

declare_export(
    Tenant,
    [
        Column(_("Name"), "name"),
        Column(_("Short name"), "slug"),
        Column(_("Status"), "status"),
        Column(_("Test data"), "test_data"),
        Column(_("Time zone"), "timezone"),
        Column(_("Currency"), "currency"),
        Column(_("Heartbeat interval (s)"), "heartbeat_interval"),
        Column(_("Unknown charge points"), "unknown_charge_points"),
        Column(_("Unknown id tags"), "unknown_id_tags"),
        Column(_("Charge points without a password"), "allow_unauthenticated"),
        Column(_("Most charge points"), "max_charge_points"),
        Column(_("API requests per minute"), "api_rate_limit"),
        Column(_("Message log (days)"), "message_log_days"),
        Column(_("Created"), "created_at"),
    ],
)
declare_export(
    User,
    [
        Column(_("User name"), "username"),
        Column(_("First name"), "first_name"),
        Column(_("Last name"), "last_name"),
        Column(_("E-mail"), "email"),
        Column(_("Active"), "is_active"),
        Column(_("Platform staff"), "is_superuser"),
        Column(_("Last sign-in"), "last_login"),
        Column(_("Joined"), "date_joined"),
    ],
)
declare_export(
    PlatformEntry,
    [
        Column(_("At"), "at"),
        Column(_("Actor"), "actor"),
        Column(_("Origin"), "origin"),
        Column(_("Action"), "action"),
        Column(_("Tenant"), "tenant_slug"),
        Column(_("Tenant number"), "tenant_number"),
        Column(_("Changes"), "changes"),
    ],
)
declare_export(
    SystemAlert,
    [
        Column(_("Kind"), "kind"),
        Column(_("Subject"), "subject"),
        Column(_("Detail"), "detail"),
        Column(_("Count"), "count"),
        Column(_("Opened"), "opened_at"),
        Column(_("Last seen"), "last_at"),
        Column(_("Over since"), "resolved_at"),
    ],
)
