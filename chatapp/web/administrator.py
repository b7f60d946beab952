"""Administrators: who may change what belongs to the team."""

from __future__ import annotations

from chatapp.errors import Forbidden
from chatapp.web.identity import current_account


def demand_administrator() -> None:
    """Raises Forbidden for anybody else who is signed in."""
    if not current_account().is_admin:
        raise Forbidden("Only an administrator can see to the team's voices.")
