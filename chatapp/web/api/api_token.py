"""The caller's API tokens: listed, made, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, jsonify, make_response
from pydantic import AfterValidator, Field, StringConstraints
from typing_extensions import TypedDict

from chatapp.accounts.api_token import LIFETIME, LONGEST
from chatapp.accounts.api_token_name import NAME_LENGTH
from chatapp.accounts.api_token_rows import TooManyApiTokens
from chatapp.web.api.page import ID_CURSOR, LIMIT_PARAMETER, asked_id, asked_limit, listed
from chatapp.web.api.said import Moment, NextCursor, moment
from chatapp.web.body import WHOLE, Body, parsed, plain_text, trimmed_schema
from chatapp.web.identity import current_account, current_issuer
from chatapp.web.openapi import example
from chatapp.web.openapi.operation import Json, Nothing, described
from chatapp.web.services import services

blueprint = Blueprint("api_token", __name__, url_prefix="/api/v1/tokens")

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LENGTH),
    AfterValidator(plain_text),
    trimmed_schema(NAME_LENGTH),
]


class NewTokenBody(Body):
    """What the token is called in the list, and how many days it lives."""

    name: Annotated[
        Name, Field(description="Measured after trimming; no controls, no line breaks, nothing invisible.")
    ]
    days: Annotated[int, Field(ge=1, le=LONGEST.days, description="How long it lives."), WHOLE] = (
        LIFETIME.days
    )


class ApiToken(TypedDict):
    """A living API token, without its secret."""

    jti: str
    name: str
    created_at: Moment
    expires_at: Moment
    last_used_at: Annotated[Moment | None, Field(description="`null` before its first use.")]
    current: Annotated[bool, Field(description="Whether this very request came with it.")]


class ApiTokenPage(TypedDict):
    """A page of API tokens, the newest first."""

    items: list[ApiToken]
    next_cursor: NextCursor


class NewApiToken(TypedDict):
    """An API token that was made now."""

    jti: str
    name: str
    token: Annotated[str, Field(description="The secret itself. It is not told again.")]
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(description="Seconds.")]
    created_at: Moment
    expires_at: Moment


_LISTED: ApiToken = {
    "jti": example.JTI,
    "name": "backup script",
    "created_at": example.MOMENT,
    "expires_at": "2026-12-21T11:46:56.000Z",
    "last_used_at": None,
    "current": False,
}
_MADE: NewApiToken = {
    "jti": example.JTI,
    "name": "backup script",
    "token": example.TOKEN,
    "token_type": "Bearer",
    "expires_in": 2_592_000,
    "created_at": example.MOMENT,
    "expires_at": "2026-12-21T11:46:56.000Z",
}


@blueprint.get("")
@described(
    {200: Json(ApiTokenPage, {"items": [_LISTED], "next_cursor": None})}, asks=(LIMIT_PARAMETER, ID_CURSOR)
)
def api_tokens() -> Response:
    """The caller's living API tokens, the newest first."""
    limit, current = asked_limit(), current_issuer().jti
    rows = services().api_tokens.list(current_account(), limit + 1, asked_id())
    cursor = rows[limit - 1].jti if len(rows) > limit else None
    return listed((_told(row, current) for row in rows[:limit]), cursor)


@blueprint.post("")
@described(
    {201: Json(NewApiToken, _MADE, "It is made.")},
    takes=NewTokenBody,
    example={"name": "backup script", "days": 30},
    errors=(TooManyApiTokens,),
    follow_ups={"revoke_api_token": {"jti": "$response.body#/jti"}},
)
def make_api_token() -> Response:
    """Makes an API token; this answer alone holds the token itself."""
    body, issuer = parsed(NewTokenBody), current_issuer()
    lifetime = timedelta(days=body.days)
    issued = services().api_tokens.issue(current_account(), body.name, lifetime, by=issuer)
    told: NewApiToken = {
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
@described({204: Nothing("It is worthless from now on.")})
def revoke_api_token(jti: str) -> Response:
    """Revokes an API token."""
    services().api_tokens.revoke(current_account(), jti)
    return Response(status=204)


def _told(row: Any, current: str | None) -> ApiToken:
    return {
        "jti": row.jti,
        "name": row.name,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
        "last_used_at": moment(row.last_used_at) if row.last_used_at else None,
        "current": row.jti == current,
    }
