"""An application made by its own factory, an upstream that does what a test says, and people who use it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pythonjsonlogger.json import JsonFormatter
from sqlalchemy import func, insert, select, update
from werkzeug.test import TestResponse

from chatapp.accounts.account import Account
from chatapp.accounts.password import hash_password
from chatapp.app import create_app
from chatapp.config import load_settings
from chatapp.store.account import User
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.streaming.position import new_log_id
from chatapp.telemetry.log import configure_logging
from chatapp.turns.continued import new_session_id
from chatapp.web.services import Services
from tests.scripted_upstream import ScriptedUpstream, answer

PASSWORD = "correct horse battery staple"
MODELS = "gpt-6-luna,gpt-4o-mini"
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')

MakeApp = Callable[..., Flask]


def parts_of(app: Flask) -> Services:
    """What the composition root has put together."""
    parts: Services = app.extensions["chatapp"]
    return parts


@pytest.fixture
def make_app(sqlite_url: str, tmp_path: Path) -> Iterator[MakeApp]:
    """Makes applications from environment variables, and perhaps on a database of their own patience; they are
    stopped at the end of the test."""
    made: list[Flask] = []

    def make(database: Database | None = None, **variables: str) -> Flask:
        given = {"CHATAPP_DATA": str(tmp_path / "data"), "DATABASE_URL": sqlite_url, **variables}
        made.append(create_app(load_settings(given), database))
        return made[-1]

    yield make
    for app in made:
        parts_of(app).stop()


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """Answers `Hello, world!` in three deltas; a test may give it other scripts before it asks."""
    with ScriptedUpstream(answer("Hello", ", ", "world!")) as upstream:
        yield upstream


@pytest.fixture
def app(make_app: MakeApp, upstream: ScriptedUpstream) -> Flask:
    return make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS)


@pytest.fixture(params=["sqlite", "postgresql"])
def app_on_either(request: pytest.FixtureRequest, make_app: MakeApp, upstream: ScriptedUpstream) -> Flask:
    """The same on both databases, for what one of them may choke on."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS, DATABASE_URL=url)


@pytest.fixture(scope="module")
def standing_app(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One application for all tests of a module, for those that leave nothing behind."""
    with app_in(tmp_path_factory.mktemp("standing"), sqlite_template) as app:
        yield app


@contextmanager
def app_in(folder: Path, sqlite_template: Path, upstream: str = "http://127.0.0.1:9/v1") -> Iterator[Flask]:
    """An application whose database and data are in `folder`, for whoever wants it longer than a test takes."""
    path = folder / "chatapp.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    given = {"CHATAPP_DATA": str(folder), "DATABASE_URL": f"sqlite:///{path}", "CHATAPP_MODELS": MODELS}
    app = create_app(load_settings({**given, "OPENAI_BASE_URL": upstream}))
    yield app
    parts_of(app).stop()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, and what they sign in with."""

    account: Account
    token: str

    @property
    def id(self) -> str:
        return self.account.id

    @property
    def email(self) -> str:
        return self.account.email

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Of PASSWORD; hashing is slow by design, so it is done once."""
    return hash_password(PASSWORD)


SignUp = Callable[..., Person]


@pytest.fixture(scope="session")
def sign_up(password_hash: str) -> SignUp:
    """Makes people with PASSWORD in an application's database."""

    def make(app: Flask, email: str = "reader@example.org") -> Person:
        parts = parts_of(app)
        account = Account(new_id(), email, email.partition("@")[0], "user")
        values = {"id": account.id, "email": email, "name": account.name, "role": account.role}
        with parts.database.write() as connection:
            connection.execute(insert(User).values(**values, password_hash=password_hash))
        return Person(account, parts.api_tokens.issue(account, "for a test").token)

    return make


def make_administrator(app: Flask, person: Person) -> None:
    """From their next request on."""
    with parts_of(app).database.write() as connection:
        connection.execute(update(User).where(User.id == person.id).values(role="admin"))


@pytest.fixture
def person(app: Flask, sign_up: SignUp) -> Person:
    return sign_up(app)


@pytest.fixture
def stranger(app: Flask, sign_up: SignUp) -> Person:
    return sign_up(app, "stranger@example.org")


@pytest.fixture
def api(app: Flask, person: Person) -> FlaskClient:
    """A client with an API token."""
    return bearer_client(app, person)


@pytest.fixture(scope="module")
def standing_api(standing_app: Flask, sign_up: SignUp) -> FlaskClient:
    """A client of `standing_app` with an API token."""
    return bearer_client(standing_app, sign_up(standing_app))


@pytest.fixture
def strange_api(app: Flask, stranger: Person) -> FlaskClient:
    """Somebody else's."""
    return bearer_client(app, stranger)


@pytest.fixture
def browser(app: Flask, person: Person) -> FlaskClient:
    """A client that has signed in through the page."""
    return signed_in(app, person)


def bearer_client(app: Flask, person: Person) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {person.token}"
    return client


def signed_in(app: Flask, person: Person) -> FlaskClient:
    client = app.test_client()
    answered = submit(client, "/sign-in", email=person.email, password=PASSWORD)
    assert answered.status_code == 303, answered.get_data(as_text=True)
    return client


def form_token(client: FlaskClient, path: str) -> str:
    """The CSRF token of the first form on a page."""
    found = _CSRF.search(client.get(path).get_data(as_text=True))
    assert found, f"no form on {path}"
    return found[1]


def submit(client: FlaskClient, path: str, page: str | None = None, **fields: str) -> TestResponse:
    """Fills in the form on `page`, which posts to `path`, as a browser would."""
    return client.post(path, data={"csrf_token": form_token(client, page or path), **fields})


def api_token(client: FlaskClient) -> str:
    """The CSRF token that a signed-in browser's API calls carry."""
    token: str = client.get("/api/auth/user").json["csrf_token"]  # type: ignore[index]
    return token


def session_cookie(client: FlaskClient) -> str | None:
    cookie = client.get_cookie("chatapp_session")
    return cookie.value if cookie else None


def assert_error(answered: TestResponse, status: int, code: str | None = None) -> dict[str, Any]:
    """The one error shape of the API (contract, section 6)."""
    body: dict[str, Any] = answered.get_json(silent=True) or {}
    assert answered.status_code == status, (answered.status_code, answered.get_data(as_text=True)[:300])
    assert answered.mimetype == "application/json"
    assert set(body) == {"code", "message", "request_id"} | ({"errors"} if status == 422 else set())
    assert body["request_id"] == answered.headers["X-Request-Id"]
    assert body["message"]
    assert "\n" not in body["message"]
    assert code in (None, body["code"])
    if status == 422:
        assert body["code"] == "VALIDATION_ERROR"
        assert body["errors"]
        assert all(set(each) == {"field", "message"} for each in body["errors"])
    return body


def fields_at_fault(answered: TestResponse) -> set[str]:
    return {each["field"] for each in assert_error(answered, 422)["errors"]}


def rows(app: Flask) -> dict[str, int]:
    """How many rows the tables of conversations hold."""
    with parts_of(app).database.read() as connection:
        return {
            model.__tablename__: connection.scalar(select(func.count()).select_from(model)) or 0
            for model in (Conversation, Turn, Generation, Message)
        }


def last_reply(app: Flask) -> Any:
    """The newest reply as it is saved: its text and the state of its generation."""
    wanted = (Message.content, Generation.status, Generation.finish_reason, Generation.error_code)
    query = select(*wanted, Generation.provider_retry_count).join(
        Generation, Generation.id == Message.generation_id
    )
    with parts_of(app).database.read() as connection:
        return connection.execute(query.order_by(Message.id.desc()).limit(1)).one()


def take_database_away(app: Flask) -> None:
    """From now on no connection to the (SQLite) database can be opened."""
    parts = parts_of(app)
    parts.database.close()
    path = Path(parts.settings.database_url.get_secret_value().removeprefix("sqlite:///"))
    path.rename(path.with_suffix(".away"))
    path.mkdir()


class LogLines(logging.Handler):
    """chatapp's log lines, as they would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter("%(levelname)s %(message)s", rename_fields={"message": "event"}))
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.written) if line["event"] == event]

    @property
    def text(self) -> str:
        return "\n".join(self.written)


@pytest.fixture
def log_lines() -> Iterator[LogLines]:
    configure_logging()
    handler, logger = LogLines(), logging.getLogger("chatapp")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def conversation_of(app: Flask, person: Person, replies: Sequence[str]) -> str:
    """The name of a conversation that has held `replies` to one message."""
    session_id, turn_id, ended = new_session_id(), new_id(), {"status": "complete", "finish_reason": "stop"}
    said = [(new_id(), new_id(), reply) for reply in replies]
    with parts_of(app).database.write() as connection:
        connection.execute(
            insert(Conversation),
            {"session_id": session_id, "user_id": person.id, "title": "Many", "voices": ["seeker"]},
        )
        connection.execute(
            insert(Turn),
            {
                "id": turn_id,
                "session_id": session_id,
                "user_id": person.id,
                "status": "ended",
                "log_id": new_log_id(),
                "content_digest": "0" * 64,
                "request_id": f"req_{turn_id}",
                "owner_id": "0" * 32,
            },
        )
        generations = [
            {"id": each, "turn_id": turn_id, "voice": "seeker", "model": "gpt-4o", **ended}
            for _, each, _ in said
        ]
        connection.execute(insert(Generation), generations)
        message = {"session_id": session_id, "turn_id": turn_id, "role": "assistant"}
        messages = [
            {**message, "id": message_id, "generation_id": generation_id, "content": reply}
            for message_id, generation_id, reply in said
        ]
        connection.execute(insert(Message), messages)
    return session_id
