"""Models of the tenants app."""

from tenants.models.api_key import ApiKey
from tenants.models.audit import AuditEntry
from tenants.models.authenticator import Authenticator
from tenants.models.base import TenantOwned
from tenants.models.browser_session import BrowserSession
from tenants.models.database import ClosedTenant, DatabaseIdentity, TenantMove
from tenants.models.idempotency import IdempotentAnswer
from tenants.models.invitation import Invitation
from tenants.models.outbox import OutboxEvent
from tenants.models.people import Membership, Role, User
from tenants.models.platform_entry import PlatformEntry
from tenants.models.system_alert import SystemAlert
from tenants.models.tenant import Tenant
from tenants.models.usage import UsageDay
from tenants.models.webhook import FeedCursor, Webhook, WebhookDelivery

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Authenticator",
    "BrowserSession",
    "ClosedTenant",
    "DatabaseIdentity",
    "FeedCursor",
    "IdempotentAnswer",
    "Invitation",
    "Membership",
    "OutboxEvent",
    "PlatformEntry",
    "Role",
    "SystemAlert",
    "Tenant",
    "TenantMove",
    "TenantOwned",
    "UsageDay",
    "User",
    "Webhook",
    "WebhookDelivery",
]
