"""An account: a user as the rest of the house sees one, a plain value that holds no database session."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from chatapp.accounts.password import hash_password, verify_password
from chatapp.errors import FieldError, Unauthorized, ValidationFailed
from chatapp.store.account import ApiToken, BrowserSession, User
from chatapp.store.base import now
from chatapp.store.database import Database
from chatapp.store.identifier import new_id

EMAIL_LENGTH = 254
PASSWORD_LENGTH = range(8, 1025)
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")

COLUMNS = (User.id, User.email, User.name, User.role, User.password_changed_at)
"""What makes an Account, in its order."""

_STANDING = (
    select(User.password_changed_at, User.disabled_at)
    .where(User.id == bindparam("user_id"))
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Account:
    """A user who may act now: known, and not disabled."""

    id: str
    email: str
    name: str
    role: str
    password_changed_at: datetime | None = field(default=None, compare=False)

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


Verify = Callable[[str | None, str], bool]


class Accounts:
    """The users of this installation."""

    def __init__(self, database: Database, verify: Verify = verify_password) -> None:
        """`verify` says whether a password belongs to a hash, and costs the same where there is none."""
        self._database = database
        self._verify = verify

    def create(self, email: str, password: str, *, name: str = "", admin: bool = False) -> Account:
        """A new user. Raises ValidationFailed for an e-mail or password that will not do, or is taken."""
        email, password = checked_email(email), checked_password(password)
        account = Account(new_id(), email, checked_name(name or email), "admin" if admin else "user")
        values = {
            "id": account.id,
            "email": email,
            "name": account.name,
            "role": account.role,
            "password_hash": hash_password(password),
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(User).values(values))
        except IntegrityError:
            raise ValidationFailed([FieldError("email", "There is an account with this e-mail.")]) from None
        return account

    def with_password(self, email: str, password: str) -> Account | None:
        """Whose e-mail and password these are, or None. Takes as long for an unknown e-mail as for a known."""
        found = self._find(User.email, kept_email(email))
        matches = self._verify(found[1] if found else None, password)
        return found[0] if found and matches else None

    def by_email(self, email: str) -> Account | None:
        found = self._find(User.email, kept_email(email))
        return found[0] if found else None

    def by_id(self, user_id: str) -> Account | None:
        found = self._find(User.id, user_id)
        return found[0] if found else None

    def are_there_any(self) -> bool:
        with self._database.read() as connection:
            return bool(connection.scalar(select(func.count()).select_from(User)))

    def change_password(self, account: Account, old: str, new: str) -> Account:
        """The account with its new password; every session and API token so far has ended. Raises Unauthorized
        when `old` is not the password."""
        if self.with_password(account.email, old) != account:
            raise Unauthorized("The current password is not right.")
        return self.set_password(account, new)

    def set_password(self, account: Account, password: str) -> Account:
        """The same, without asking for the old one."""
        hashed, moment = hash_password(checked_password(password)), now()
        with self._database.write() as connection:
            changed = {"password_hash": hashed, "password_changed_at": moment}
            connection.execute(update(User).where(User.id == account.id).values(changed))
            connection.execute(delete(BrowserSession).where(BrowserSession.user_id == account.id))
            living = (ApiToken.user_id == account.id) & ApiToken.revoked_at.is_(None)
            connection.execute(update(ApiToken).where(living).values(revoked_at=moment))
        return replace(account, password_changed_at=moment)

    def disable(self, email: str) -> bool:
        """Shuts a user out, whatever they hold, from their next request on. Whether there is one with this e-mail."""
        return self._stand(email, disabled_at=now())

    def enable(self, email: str) -> bool:
        """Lets a disabled user in again; their sessions and API tokens count again, as far as they still live."""
        return self._stand(email, disabled_at=None)

    def _stand(self, email: str, *, disabled_at: datetime | None) -> bool:
        email = kept_email(email)
        if not is_text(email):
            return False
        standing = update(User).where(User.email == email).values(disabled_at=disabled_at)
        with self._database.write() as connection:
            changed: Any = connection.execute(standing)
        return bool(changed.rowcount)

    def _find(self, column: InstrumentedAttribute[str], value: str) -> tuple[Account, str] | None:
        if not is_text(value):
            return None  # PostgreSQL would refuse the question
        query = select(*COLUMNS, User.password_hash).where(column == value, User.disabled_at.is_(None))
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return (account_of(row), row.password_hash) if row else None


def account_of(row: Any) -> Account:
    """The account of a row that begins with COLUMNS."""
    return Account(*row[: len(COLUMNS)])


def demand_standing(connection: Connection, account: Account) -> None:
    """Raises Unauthorized when the account was disabled or its password changed since it was looked up. Locks its
    row: what the same transaction gives out is ended by any later change of the password."""
    now_is = connection.execute(_STANDING, {"user_id": account.id}).one_or_none()
    if now_is is None or now_is.disabled_at or now_is.password_changed_at != account.password_changed_at:
        raise Unauthorized


def kept_email(email: str) -> str:
    """The e-mail as it is kept, and looked for: trimmed and lower-case."""
    return email.strip().lower()


def checked_email(email: str) -> str:
    """The e-mail as it is kept. Raises ValidationFailed."""
    email = kept_email(email)
    if len(email) > EMAIL_LENGTH or not _EMAIL.fullmatch(email) or not is_text(email):
        raise ValidationFailed([FieldError("email", "This is not an e-mail address.")])
    return email


def checked_password(password: str) -> str:
    if len(password) not in PASSWORD_LENGTH or not is_text(password):
        raise ValidationFailed([FieldError("password", "A password has 8 to 1024 characters.")])
    return password


def checked_name(name: str) -> str:
    """A name to show, cut to what its column holds."""
    name = " ".join(name.split())
    if not is_text(name):
        raise ValidationFailed([FieldError("name", "This name has characters that cannot be kept.")])
    return name[:128]


def is_text(value: str) -> bool:
    """Whether both databases can hold it: no NUL, no lone surrogate."""
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False
