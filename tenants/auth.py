"""Sign-in of people. Happens before any tenant is known, so it reads under the system role."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from tenants.context import system_transaction
from tenants.models import User


class PeopleBackend(ModelBackend):
    """User name and password against `tenants_user`; permissions come from the membership's role instead."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        with system_transaction():
            return super().authenticate(request, username=username, password=password, **kwargs)

    def get_user(self, user_id: Any) -> Any:
        with system_transaction():
            user = User.objects.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """None: what people may do follows from their role in a tenant, not from Django's permissions."""
        return set()
