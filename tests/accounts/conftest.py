"""People in an empty database, of either kind."""

from __future__ import annotations

import pytest

from chatapp.accounts.account import Account, Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.accounts.browser_session import BrowserSessions
from chatapp.store.database import Database

PASSWORD = "correct horse battery staple"
SECRET = "a secret of more than thirty-two characters"


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database)


@pytest.fixture
def person(accounts: Accounts) -> Account:
    return accounts.create("reader@example.org", PASSWORD, name="Reader")


@pytest.fixture
def sessions(database: Database) -> BrowserSessions:
    return BrowserSessions(database)


@pytest.fixture
def tokens(database: Database) -> ApiTokens:
    return ApiTokens(database, SECRET)
