"""What a scope allows at most: no more than the person in whose name a token acts may do now.

A token has no rights of its own. Each scope stands for the permission of the admin page that does
the same, and is worth what its owner's role is worth at the moment of the call.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User

from distribution.models import Scope

PERMISSIONS = {
    Scope.READ: "distribution.view_distribution",
    Scope.SUBSCRIBERS: "subscribers.import_subscriber",
    Scope.CONTENT: "distribution.add_content",
    Scope.DISTRIBUTE: "distribution.start_distribution",
    Scope.ADMIN: "distribution.acknowledge_alert",
}


def holds(user: object, scope: Scope | str, permission: str = "") -> bool:
    """Whether this person may do at this moment what the scope is for.

    `permission` replaces the scope's where the admin asks for another one for the same act.
    """
    wanted = permission or PERMISSIONS[Scope(scope)]
    return isinstance(user, User) and user.is_staff and user.has_perm(wanted)


def held_scopes(user: object, scopes: Iterable[str]) -> list[str]:
    """Those of the scopes that the person's present role allows."""
    return [scope for scope in scopes if holds(user, scope)]
