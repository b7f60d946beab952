"""Who is signed in, and API tokens for a password."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from flask import Blueprint, Response, jsonify
from pydantic import Field
from typing_extensions import TypedDict

from chatapp.errors import Unauthorized
from chatapp.web.access import csrf_token, public
from chatapp.web.body import Body, Text, parsed
from chatapp.web.body_size import PASSWORDS, takes
from chatapp.web.identity import current_account, signed_in_by_cookie
from chatapp.web.openapi import example
from chatapp.web.openapi.operation import Json, described
from chatapp.web.services import services
from chatapp.web.sign_in import account_with_password

blueprint = Blueprint("account", __name__, url_prefix="/api")


class Credentials(Body):
    """Who asks for an API token."""

    email: Text
    password: Text


class User(TypedDict):
    """Somebody with an account."""

    id: str
    email: str
    name: str
    role: Annotated[str, Field(json_schema_extra={"enum": ["user", "admin"]})]
    csrf_token: NotRequired[Annotated[str, Field(description="For a caller with a cookie alone.")]]


class Ping(TypedDict):
    """The sign-in works."""

    ok: Literal[True]
    user_id: str


class NewToken(TypedDict):
    """An API token."""

    token: Annotated[str, Field(description="Send it as `Authorization: Bearer TOKEN`.")]
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(description="Seconds.")]


_EXAMPLE: User = {"id": example.USER_ID, "email": example.EMAIL, "name": "A Reader", "role": "user"}


@blueprint.get("/auth/user")
@described({200: Json(User, _EXAMPLE)})
def user() -> Response:
    """The signed-in user, and for a browser the token that its changing calls must carry."""
    account = current_account()
    told: User = {"id": account.id, "email": account.email, "name": account.name, "role": account.role}
    if signed_in_by_cookie():
        told["csrf_token"] = csrf_token()
    return jsonify(told)


@blueprint.get("/v1/auth/ping")
@described({200: Json(Ping, {"ok": True, "user_id": example.USER_ID})})
def ping() -> Response:
    """Whether the sign-in works."""
    told: Ping = {"ok": True, "user_id": current_account().id}
    return jsonify(told)


@blueprint.post("/v1/auth/token")
@public
@takes(PASSWORDS)
@described(
    {200: Json(NewToken, {"token": example.TOKEN, "token_type": "Bearer", "expires_in": 2_592_000})},
    takes=Credentials,
    example={"email": example.EMAIL, "password": example.PASSWORD},
    errors=(Unauthorized,),
)
def token() -> Response:
    """An API token for an e-mail and a password.

    A wrong password and an unknown e-mail are answered alike.
    """
    credentials = parsed(Credentials)
    account = account_with_password(credentials.email, credentials.password)
    issued = services().api_tokens.issue_for_password(account)
    told: NewToken = {"token": issued.token, "token_type": "Bearer", "expires_in": issued.expires_in_s}
    return jsonify(told)
