"""People in an empty database, of either kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import insert

from chatapp.accounts.account import Account, Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.accounts.browser_session import BrowserSessions
from chatapp.accounts.claims import ApiTokenRefused
from chatapp.accounts.password import hash_password
from chatapp.store.account import User
from chatapp.store.database import Database
from chatapp.store.identifier import new_id

PASSWORD = "correct horse battery staple"
SECRET = "a secret of more than thirty-two characters"


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Of PASSWORD; hashing is slow by design, so it is done once."""
    return hash_password(PASSWORD)


@pytest.fixture
def person(database: Database, password_hash: str) -> Account:
    return _made(database, password_hash, "reader@example.org")


@pytest.fixture
def other(database: Database, password_hash: str) -> Account:
    return _made(database, password_hash, "other@example.org")


def _made(database: Database, password_hash: str, email: str) -> Account:
    account = Account(new_id(), email, email.partition("@")[0], "user")
    values = {"id": account.id, "email": email, "name": account.name, "role": account.role}
    with database.write() as connection:
        connection.execute(insert(User).values(**values, password_hash=password_hash))
    return account


@pytest.fixture
def sessions(database: Database) -> BrowserSessions:
    return BrowserSessions(database)


@pytest.fixture
def tokens(database: Database) -> Iterator[ApiTokens]:
    tokens = ApiTokens(database, SECRET)
    yield tokens
    tokens.stop()


def whose(tokens: ApiTokens, token: str) -> Account | None:
    """The account that an API token stands for."""
    try:
        return tokens.read(token).account
    except ApiTokenRefused:
        return None
