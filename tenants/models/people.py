"""People who sign in, and what they may do in which tenant."""

from collections.abc import Iterator

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from tenants.models.base import TenantOwned


class Role(models.TextChoices):
    """What a member may do. Each role includes the ones before it."""

    VIEWER = "viewer", _("Viewer")
    OPERATOR = "operator", _("Operator")
    ADMIN = "admin", _("Admin")


ROLE_RANK = {Role.VIEWER.value: 1, Role.OPERATOR.value: 2, Role.ADMIN.value: 3, "platform": 4}


class User(AbstractUser):
    """A person. Belongs to tenants through Membership; a superuser is platform staff.

    `generation` counts how often all their sessions and tokens were ended: those of an earlier one are refused.
    `language`: what they chose, of LANGUAGES; empty: as their browser asks.
    """

    generation = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    language = models.CharField(max_length=10, blank=True, default="", db_default="")

    class Meta(AbstractUser.Meta):
        verbose_name = "user"
        verbose_name_plural = "users"

    def get_session_auth_hash(self) -> str:
        """What Django compares for each request of a browser: ends with the password or the generation."""
        return self._stamp("tenants.session")

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """None: sessions end where the key of the settings is changed."""
        return iter(())

    @property
    def token_stamp(self) -> str:
        """What tokens (JWT) carry: they end with the password or the generation too."""
        return self._stamp("tenants.token")[:24]

    def _stamp(self, purpose: str) -> str:
        return salted_hmac(purpose, f"{self.password}:{self.generation}", algorithm="sha256").hexdigest()


class Membership(TenantOwned):
    """A person's role in a tenant.

    `signed_out_at`: what was signed in before opens this tenant no more, and goes on in others.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)
    signed_out_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="membership_once_per_tenant")]
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"
