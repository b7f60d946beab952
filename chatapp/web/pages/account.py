"""Sign-in, registration, sign-out, change of password."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug import Response

from chatapp.errors import Forbidden, TooManyRequests, Unauthorized, ValidationFailed
from chatapp.web.access import public
from chatapp.web.body_size import NOTHING, PASSWORDS, takes
from chatapp.web.error_answers import headers_of
from chatapp.web.identity import current_account, sign_in, sign_out
from chatapp.web.limits.limits import limits
from chatapp.web.pages.blueprint import blueprint
from chatapp.web.services import services
from chatapp.web.sign_in import account_with_password

Answer = Response | tuple[str, int, dict[str, str]] | str


@blueprint.get("/sign-in", endpoint="sign_in")
@public
def sign_in_page() -> Answer:
    if current_user.is_authenticated:
        return redirect(_local(request.args.get("next")), 303)
    return render_template("sign_in.html", email="", next=request.args.get("next", ""), form_error=None)


@blueprint.post("/sign-in")
@public
@takes(PASSWORDS)
def sign_in_form() -> Answer:
    email, wanted = request.form.get("email", ""), request.form.get("next", "")
    try:
        account = account_with_password(email, request.form.get("password", ""))
    except (Unauthorized, TooManyRequests) as error:
        page = render_template("sign_in.html", email=email, next=wanted, form_error=error.message)
        return page, error.status, headers_of(error)
    sign_in(account)
    return redirect(_local(wanted), 303)


@blueprint.post("/sign-out")
@public
@takes(NOTHING)
def sign_out_form() -> Answer:
    sign_out()
    return redirect(url_for("pages.sign_in"), 303)


@blueprint.get("/register", endpoint="register")
@public
def register_page() -> Answer:
    _demand_open_registration()
    return render_template("register.html", email="", name="", form_error=None)


@blueprint.post("/register")
@public
@takes(PASSWORDS)
def register_form() -> Answer:
    _demand_open_registration()
    email, name = request.form.get("email", ""), request.form.get("name", "")
    try:
        limits().count_registration()
        account = services().accounts.create(email, request.form.get("password", ""), name=name)
    except (ValidationFailed, TooManyRequests) as error:
        page = render_template("register.html", email=email, name=name, form_error=error.message)
        return page, error.status, headers_of(error)
    sign_in(account)
    return redirect(url_for("pages.new_conversation"), 303)


@blueprint.get("/password", endpoint="password")
def password_page() -> str:
    return render_template("password.html", form_error=None, changed="changed" in request.args)


@blueprint.post("/password")
@takes(PASSWORDS)
def password_form() -> Answer:
    account = current_account()
    try:
        limits().count_password()
        old, new = request.form.get("old_password", ""), request.form.get("new_password", "")
        changed = services().accounts.change_password(account, old, new)
    except (Unauthorized, ValidationFailed, TooManyRequests) as error:
        status = 429 if isinstance(error, TooManyRequests) else 422
        return (
            render_template("password.html", form_error=error.message, changed=False),
            status,
            headers_of(error),
        )
    limits().password_changed()
    sign_in(changed)  # every session ended with the old password; this browser gets a new one
    return redirect(url_for("pages.password", changed=1), 303)


def _demand_open_registration() -> None:
    if not services().settings.registration_open:
        raise Forbidden("Accounts are made by an administrator here.")


def _local(target: str | None) -> str:
    """Where to go after sign-in: a path of our own, or the start. Anything that a browser could read as another
    site is refused (a scheme, a host, backslashes, control characters)."""
    home = url_for("pages.new_conversation")
    if not target or not target.startswith("/") or target.startswith("//"):
        return home
    return target if target.isprintable() and "\\" not in target else home
