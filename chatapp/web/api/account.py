"""Who is signed in, and API tokens for a password."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from chatapp.errors import Unauthorized
from chatapp.web.access import csrf_token, public
from chatapp.web.body import Body, Text, parsed
from chatapp.web.body_size import PASSWORDS, takes
from chatapp.web.identity import current_account, signed_in_by_cookie
from chatapp.web.limits.limits import limits
from chatapp.web.refusal import refused_sign_in
from chatapp.web.services import services

blueprint = Blueprint("account", __name__, url_prefix="/api")


class Credentials(Body):
    email: Text
    password: Text


@blueprint.get("/auth/user")
def user() -> Response:
    """The signed-in user, and for a browser the token that its changing calls must carry."""
    account = current_account()
    told = {"id": account.id, "email": account.email, "name": account.name, "role": account.role}
    if signed_in_by_cookie():
        told["csrf_token"] = csrf_token()
    return jsonify(told)


@blueprint.get("/v1/auth/ping")
def ping() -> Response:
    return jsonify(ok=True, user_id=current_account().id)


@blueprint.post("/v1/auth/token")
@public
@takes(PASSWORDS)
def token() -> Response:
    """An API token for an e-mail and a password."""
    credentials = parsed(Credentials)
    limits().count_sign_in(credentials.email)
    account = services().accounts.with_password(credentials.email, credentials.password)
    if account is None:
        refused_sign_in(credentials.email)
        raise Unauthorized("The e-mail or the password is not right.")
    limits().signed_in()
    issued = services().api_tokens.issue_for_password(account)
    return jsonify(token=issued.token, token_type="Bearer", expires_in=issued.expires_in_s)  # noqa: S106
