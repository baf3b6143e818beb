"""What a role may: a view names the role that each action needs."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.api.authentication import Caller
from tenants.models.people import ROLE_RANK, Role

READING = {"GET", "HEAD", "OPTIONS"}


class RolePermission(BasePermission):
    """Reads need a viewer, the rest what `view.required_roles[action]` says (default: operator).

    An API key with scopes needs `<scope>:read` or `<scope>:write` of the view's `scope`.
    """

    message = "Your role may not do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            return False
        reading = request.method in READING
        roles: dict[str, str] = getattr(view, "required_roles", {})
        needed = roles.get(view.action or "", Role.VIEWER if reading else Role.OPERATOR)
        if ROLE_RANK[caller.access.role] < ROLE_RANK[needed]:
            return False
        wanted = f"{getattr(view, 'scope', 'none')}:{'read' if reading else 'write'}"
        return caller.scopes is None or wanted in caller.scopes
