"""A refused sign-in does not tell whether there is such an account: not by its answer, and not by the work it makes,
which is what would show in its time. (Clocks are not asked: they tell of the machine as well.)

Registering tells it, and must: "There is an account with this e-mail" is what its owner needs to read. Where that is
too much, registration is closed (CHATAPP_REGISTRATION), as it is by default in production.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from flask import Flask, has_request_context
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from chatapp.accounts.account import Accounts
from chatapp.accounts.password import verify_password
from chatapp.store.account import User
from chatapp.store.base import now
from tests.statements import Statement, statements
from tests.web.conftest import PASSWORD, Person, SignUp, form_token, parts_of
from tests.web.world import body_of, headers_of

NOBODY = "nobody@example.org"


@dataclass
class Work:
    """What a request makes the house do."""

    verified: list[bool] = field(default_factory=list)
    """For each password that was hashed, whether there was a hash to compare it with."""
    statements: list[Statement] = field(default_factory=list)

    def verify(self, hashed: str | None, password: str) -> bool:
        self.verified.append(hashed is not None)
        return verify_password(hashed, password)


@pytest.fixture
def work(app: Flask) -> Iterator[Work]:
    with statements(has_request_context) as asked:
        work, parts = Work(statements=asked), parts_of(app)
        app.extensions["chatapp"] = replace(parts, accounts=Accounts(parts.database, work.verify))
        yield work


@pytest.fixture
def disabled(app: Flask, sign_up: SignUp) -> Person:
    person = sign_up(app, "disabled@example.org")
    with parts_of(app).database.write() as connection:
        connection.execute(update(User).where(User.id == person.id).values(disabled_at=now()))
    return person


SignIn = Callable[[FlaskClient, str, str], TestResponse]


def by_page(client: FlaskClient, email: str, password: str) -> TestResponse:
    fields = {"email": email, "password": password, "csrf_token": form_token(client, "/sign-in")}
    return client.post("/sign-in", data=fields)


def by_api(client: FlaskClient, email: str, password: str) -> TestResponse:
    return client.post("/api/v1/auth/token", json={"email": email, "password": password})


@pytest.mark.parametrize("sign_in", [by_page, by_api])
def test_every_refusal_is_the_same_and_costs_the_same(
    app: Flask, person: Person, disabled: Person, work: Work, sign_in: SignIn
) -> None:
    seen = []
    for email, password in (
        (person.email, "another password"),
        (NOBODY, "another password"),
        (NOBODY, PASSWORD),
        (disabled.email, "another password"),
        (disabled.email, PASSWORD),
        (f"  {person.email.upper()} ", "another password"),
    ):
        client = app.test_client()
        client.get("/sign-in")
        work.verified.clear()
        work.statements.clear()
        answered = sign_in(client, email, password)
        assert len(work.verified) == 1, email
        body = body_of(answered).replace(email, "E-MAIL")
        # The page repeats the e-mail in its form, and is longer by it.
        headers = {name: value for name, value in headers_of(answered).items() if name != "Content-Length"}
        seen.append((answered.status_code, body, headers, [text for text, _ in work.statements]))
    assert seen[0][0] == 401
    assert all(each == seen[0] for each in seen[1:])


def test_where_there_is_no_hash_the_work_is_done_all_the_same(app: Flask, person: Person, work: Work) -> None:
    by_api(app.test_client(), person.email, "another password")
    by_api(app.test_client(), NOBODY, "another password")
    assert work.verified == [True, False]


def test_a_right_password_still_signs_in(app: Flask, person: Person, work: Work) -> None:
    assert by_api(app.test_client(), person.email, PASSWORD).status_code == 200
    assert by_page(app.test_client(), person.email, PASSWORD).status_code == 303
    assert work.verified == [True, True]
