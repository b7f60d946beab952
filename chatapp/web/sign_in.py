"""Signing in with a password: the one sequence that the page and the API share."""

from __future__ import annotations

from chatapp.accounts.account import Account
from chatapp.errors import Unauthorized
from chatapp.web.limits.limits import limits
from chatapp.web.refusal import refused_sign_in
from chatapp.web.services import services


def account_with_password(email: str, password: str) -> Account:
    """Whose e-mail and password these are. Raises TooManyRequests before the password is looked at, and Unauthorized,
    which is the same for an e-mail that nobody has."""
    limits().count_sign_in(email)
    account = services().accounts.with_password(email, password)
    if account is None:
        refused_sign_in(email)
        raise Unauthorized("The e-mail or the password is not right.")
    limits().signed_in()
    return account
