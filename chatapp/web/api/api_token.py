"""The caller's API tokens: listed, made, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, make_response
from pydantic import AfterValidator, Field, StringConstraints

from chatapp.accounts.api_token import LIFETIME
from chatapp.accounts.api_token_name import NAME_LENGTH
from chatapp.web.api.conversation import moment
from chatapp.web.api.page import asked_id, asked_limit, listed
from chatapp.web.body import Body, parsed, plain_text
from chatapp.web.identity import current_account, current_issuer
from chatapp.web.services import services

blueprint = Blueprint("api_token", __name__, url_prefix="/api/v1/tokens")

LONGEST_DAYS = 3650

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LENGTH),
    AfterValidator(plain_text),
]


class NewTokenBody(Body):
    """What the token is called in the list, and how many days it lives."""

    name: Name
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] = LIFETIME.days


@blueprint.get("")
def api_tokens() -> Response:
    limit, current = asked_limit(), current_issuer().jti
    rows = services().api_tokens.list(current_account(), limit + 1, asked_id())
    cursor = rows[limit - 1].jti if len(rows) > limit else None
    return listed((_told(row, current) for row in rows[:limit]), cursor)


@blueprint.post("")
def make_api_token() -> Response:
    """The one answer that holds the token itself."""
    body, issuer = parsed(NewTokenBody), current_issuer()
    lifetime = timedelta(days=body.days)
    issued = services().api_tokens.issue(current_account(), body.name, lifetime, by=issuer)
    told = {
        "jti": issued.jti,
        "name": issued.name,
        "token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in_s,
        "created_at": moment(issued.created_at),
        "expires_at": moment(issued.expires_at),
    }
    return make_response(jsonify(told), 201)


@blueprint.delete("/<jti>")
def revoke_api_token(jti: str) -> Response:
    services().api_tokens.revoke(current_account(), jti)
    return Response(status=204)


def _told(row: Any, current: str | None) -> dict[str, Any]:
    return {
        "jti": row.jti,
        "name": row.name,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
        "last_used_at": moment(row.last_used_at) if row.last_used_at else None,
        "current": row.jti == current,
    }
