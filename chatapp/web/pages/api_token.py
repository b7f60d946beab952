"""The page of one's API tokens: the list, a form that makes one, a button that revokes one.

What a form makes is shown by the page that it leads to, once; the token is in no address and in no row
(docs/decisions has the reasons).
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta

from flask import redirect, render_template, request, url_for
from werkzeug import Response

from chatapp.accounts.api_token import LIFETIME
from chatapp.accounts.api_token_rows import TooManyApiTokens
from chatapp.accounts.issuer import Issuer
from chatapp.errors import ChatappError, Unauthorized, ValidationFailed
from chatapp.web.api.page import asked_id
from chatapp.web.curl_line import curl_line
from chatapp.web.identity import current_account, current_issuer
from chatapp.web.pages.blueprint import blueprint
from chatapp.web.services import services

Answer = Response | tuple[str, int] | str
DAYS = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "1 year", "3650": "10 years"}
_SHOWN = 50
_FORM = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@blueprint.get("/tokens", endpoint="tokens")
def tokens_page() -> Answer:
    made, form = None, request.args.get("new", "")
    if request.method == "GET" and _FORM.fullmatch(form):
        made = services().api_tokens.show(current_account(), _session(), form)
    return _page(made=made, is_late=bool(form) and made is None)


@blueprint.post("/tokens")
def new_token_form() -> Answer:
    name, days, form = (request.form.get(field, "") for field in ("name", "days", "form"))
    form = form if _FORM.fullmatch(form) else _new_form()
    lifetime = timedelta(days=int(days)) if days in DAYS else LIFETIME
    try:
        services().api_tokens.issue_unseen(current_account(), name, lifetime, by=_session(), form=form)
    except (TooManyApiTokens, ValidationFailed) as error:
        return _page(error, name=name, days=days), error.status
    return redirect(url_for("pages.tokens", new=form), 303)


@blueprint.post("/tokens/<jti>/revoke")
def revoke_token_form(jti: str) -> Answer:
    services().api_tokens.revoke(current_account(), jti)
    return redirect(url_for("pages.tokens", revoked=1), 303)


def _page(error: ChatappError | None = None, **values: object) -> str:
    rows = services().api_tokens.list(current_account(), _SHOWN + 1, asked_id())
    older = url_for("pages.tokens", cursor=rows[_SHOWN - 1].jti) if len(rows) > _SHOWN else None
    given = {"name": "", "days": str(LIFETIME.days), "made": None, "is_late": False, **values}
    return render_template(
        "tokens.html",
        tokens=rows[:_SHOWN],
        older_url=older,
        form=_new_form(),
        choices=DAYS,
        form_error=error.message if error else None,
        is_revoked="revoked" in request.args,
        curl=lambda token: curl_line(request.host_url.rstrip("/"), token),
        **given,
    )


def _session() -> Issuer:
    """The browser's session. Raises Unauthorized for an API token, which has routes of its own for this."""
    issuer = current_issuer()
    if issuer.session_hash is None:
        raise Unauthorized
    return issuer


def _new_form() -> str:
    """The name of one form on one page, by which it is known when it is sent twice."""
    return secrets.token_urlsafe(16)
