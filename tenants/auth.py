"""Sign-in of people. Happens before any tenant is known, so it reads under the system role."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from tenants.context import directory_transaction
from tenants.models import User


class PeopleBackend(ModelBackend):
    """User name (or e-mail) and password against `tenants_user`; permissions come from the membership's role instead."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        known = person_named(username or "")
        name = known.username if known else username
        with directory_transaction():
            return super().authenticate(request, username=name, password=password, **kwargs)

    def get_user(self, user_id: Any) -> Any:
        with directory_transaction():
            user = User.objects.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """None: what people may do follows from their role in a tenant, not from Django's permissions."""
        return set()


def person_named(name: str) -> User | None:
    """By user name; else by e-mail address, where exactly one active person has it."""
    if not name or "\0" in name:
        return None
    with directory_transaction():
        found = User.objects.filter(username=name).first()
        if found is None and "@" in name:
            of_address = list(User.objects.filter(email__iexact=name, is_active=True)[:2])
            found = of_address[0] if len(of_address) == 1 else None
    return found
