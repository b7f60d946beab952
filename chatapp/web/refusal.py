"""Refusals: the one log line that each sign-in, token or form leaves when it is turned away. Never the secret."""

from __future__ import annotations

from flask import request

from chatapp.telemetry.log import warn
from chatapp.web.request_id import request_id
from chatapp.web.services import services


def refused(kind: str, reason: str, user_id: str | None = None) -> None:
    """`kind` is what was refused (sign-in, API token, CSRF), `reason` why, in a few words."""
    warn(
        "Refused",
        kind=kind,
        reason=reason,
        user_id=user_id,
        address=request.remote_addr,
        request_id=request_id(),
    )


def refused_sign_in(email: str) -> None:
    """Somebody has tried to sign in as `email`, with a wrong password or with an e-mail that nobody has."""
    account = services().accounts.by_email(email)
    refused("sign-in", "wrong e-mail or password", account.id if account else None)
