"""A small world for questions of access: five people, what belongs to each, and what each of them carries."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import jwt
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, insert, update
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from chatapp.store.account import ApiToken, User
from chatapp.store.base import Base, now
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.store.identifier import new_id
from chatapp.store.voice import VoiceRow
from chatapp.streaming.position import new_log_id
from chatapp.turns.continued import new_session_id
from tests.web.conftest import Person, SignUp, api_token, form_token, parts_of
from tests.web.policy import By, Who

_BACKGROUND = {"owners"}
"""Tables that a process writes beside requests."""
_BESIDE = {"last_used_at"}
"""Columns that it does: when an API token was last used is written a moment after the request that uses it."""
_VARYING = re.compile(
    r'"request_id":"[^"]*"|name="csrf[-_]token" (?:value|content)="[^"]*"|<code>req_\w+</code>'
)


@dataclass(frozen=True, slots=True)
class Things:
    """What a path may name. With `canary` in them, all that is said in them."""

    session_id: str
    turn_id: str
    generation_id: str
    jti: str
    canary: str
    voice: str = "seeker"
    key: str = "nobody-s"
    team_key: str = "no-team-s"
    new_key: str = "new"
    filename: str = "style.css"
    name: str = "2f6f8f-8a5a00"

    def fill(self, pattern: str) -> str:
        """`pattern` with the names in it, as a rule or a row of the policy writes them, put in."""
        pattern = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", pattern)
        return re.sub(r"\{(\w+)\}", lambda found: str(asdict(self)[found[1]]), pattern)

    def filled(self, body: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if body is None:
            return None
        return {name: self.fill(value) if isinstance(value, str) else value for name, value in body.items()}


def missing_things() -> Things:
    """Names of the right form that nothing has."""
    return Things(new_session_id(), new_id(), new_id(), new_id(), "")


class World:
    """In `app`'s database. The disabled user is disabled after they have got all that they carry."""

    def __init__(self, app: Flask, sign_up: SignUp) -> None:
        self.app = app
        self._parts = parts_of(app)
        path = self._parts.settings.database_url.get_secret_value().removeprefix("sqlite:///")
        self._observer = sqlite3.connect(path)
        self._version: Any = None
        self._read: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
        self.people: dict[Who, Person] = {}
        self.things: dict[Who, Things] = {}
        for who in set(Who) - {Who.ANONYMOUS}:
            self.people[who] = sign_up(app, f"{who.name.lower()}@example.org")
            self.things[who] = self.new_things(who)
        self._set(Who.ADMINISTRATOR, role="admin")
        self._visitor = app.test_client()
        self._visitor_token = form_token(self._visitor, "/sign-in")
        self._browsers = {who: self._signed_in(who) for who in self.people}
        self._disabled_token = self._stream_token(Who.DISABLED, self.things[Who.DISABLED], turn=False)
        self._set(Who.DISABLED, disabled_at=now())

    def _set(self, who: Who, **values: object) -> None:
        with self._parts.database.write() as connection:
            connection.execute(update(User).where(User.id == self.people[who].id).values(values))

    def _signed_in(self, who: Who) -> tuple[str, str]:
        """The cookie of a new session, and its CSRF token."""
        person = self.people[who]
        cookie = "s." + self._parts.browser_sessions.create(person.account, {"_user_id": person.id})
        client = self.app.test_client()
        client.set_cookie("chatapp_session", cookie)
        return cookie, api_token(client)

    def new_things(self, who: Who) -> Things:
        """A conversation with one whole turn, an API token and a voice, all of that person, and a voice of the
        team's."""
        person, canary = self.people[who], f"said-to-{self.people[who].id}"
        keys = {name: new_id() for name in ("key", "team_key", "new_key")}
        things = Things(new_session_id(), new_id(), new_id(), new_id(), canary, **keys)
        place = {"session_id": things.session_id, "turn_id": things.turn_id}
        ended = {"status": "complete", "finish_reason": "stop", "ended_at": now()}
        question, reply = new_id(), new_id()
        rows: list[tuple[type[Base], dict[str, Any]]] = [
            (ApiToken, {"jti": things.jti, "user_id": person.id, "name": canary, "expires_at": _in_a_year()}),
            (Conversation, {"session_id": things.session_id, "user_id": person.id, "title": canary,
                            "voices": ["seeker"]}),
            (Turn, {"id": things.turn_id, "session_id": things.session_id, "user_id": person.id,
                    "status": "ended", "log_id": new_log_id(), "content_digest": "0" * 64,
                    "request_id": f"req_{things.turn_id}", "owner_id": "0" * 32, "ended_at": now()}),
            (Generation, {"id": things.generation_id, "turn_id": things.turn_id, "voice": "seeker",
                          "model": "gpt-4o-mini", **ended}),
            (Message, {**place, "id": question, "role": "user", "content": canary}),
            (Message, {**place, "id": reply, "role": "assistant", "content": canary, "parent_id": question,
                       "generation_id": things.generation_id}),
            (VoiceRow, _voice(person.id, things.key, canary)),
            (VoiceRow, _voice(None, things.team_key, "of the team")),
        ]  # fmt: skip
        first = [key for each in self.things.values() for key in (each.key, each.team_key)]
        with self._parts.database.write() as connection:
            # There may not be many; those of the first things are asked for again.
            connection.execute(delete(VoiceRow).where(VoiceRow.key.not_in(first)))
            for model, row in rows:
                connection.execute(insert(model), row)
        return things

    def client(self, who: Who, by: By) -> tuple[FlaskClient, str]:
        """A client that carries that (but for stream tokens), and the CSRF token that its cookie needs."""
        client, token = self.app.test_client(), ""
        if by is By.COOKIE and who is Who.ANONYMOUS:
            cookie = self._visitor.get_cookie("chatapp_session")
            assert cookie is not None
            client.set_cookie("chatapp_session", cookie.value)
            token = self._visitor_token
        elif by is By.COOKIE:
            cookie_value, token = self._browsers[who]
            client.set_cookie("chatapp_session", cookie_value)
        elif by is By.BEARER:
            bearer = self.people[who].token if who in self.people else made_up_token()
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {bearer}"
        return client, token

    def sign_in_again(self, who: Who) -> None:
        """After a request that may have ended their session."""
        if who not in (Who.ANONYMOUS, Who.DISABLED):
            self._browsers[who] = self._signed_in(who)

    def stream_token(self, who: Who, things: Things, path: str) -> str:
        """The owner's is for the stream at `path`, or near it; others' for their own."""
        if who is Who.ANONYMOUS:
            return "made-up"
        if who is Who.DISABLED:
            return self._disabled_token
        own = things if who is Who.OWNER else self.things[who]
        return self._stream_token(who, own, turn="/turns/" in path)

    def _stream_token(self, who: Who, things: Things, *, turn: bool) -> str:
        issuer = self._parts.api_tokens.read(self.people[who].token).issuer
        stream = {"turn_id": things.turn_id} if turn else {"generation_id": things.generation_id}
        return self._parts.stream_tokens.issue(self.people[who].account, issuer, **stream)

    def saved(self, *, without: str = "") -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table that a request may write, without the column named `without`. It is asked for a
        thousand times, and read anew only when SQLite says that somebody has written."""
        version = self._observer.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._version, self._read = version, {}
        if without not in self._read:
            self._read[without] = self._all_rows(without)
        return self._read[without]

    def _all_rows(self, without: str) -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        for table in Base.metadata.sorted_tables:
            if table.name not in _BACKGROUND:
                names = [column.name for column in table.columns if column.name not in (without, *_BESIDE)]
                columns = ", ".join(names)
                query = f"SELECT {columns} FROM {table.name} ORDER BY rowid"
                found[table.name] = self._observer.execute(query).fetchall()
        return found

    def close(self) -> None:
        self._observer.close()


def _voice(owner_id: str | None, key: str, name: str) -> dict[str, Any]:
    told = {"key": key, "name": name[:40], "colour": "#2f6f8f", "description": name, "prompt": name}
    return {**told, "owner_id": owner_id, "parameters": {}, "history": "branch"}


def _in_a_year() -> Any:
    return now().replace(year=now().year + 1, day=1)


def made_up_token() -> str:
    """Of the right form, and signed by somebody who does not know the secret."""
    return jwt.encode({"sub": "0", "aud": "authenticated", "exp": 9_999_999_999}, "x" * 32, algorithm="HS256")


def rows_of_the_map(app: Flask) -> set[str]:
    """Each method and rule, as the policy writes it."""
    return {f"{method} {rule.rule}" for rule in app.url_map.iter_rules() for method in methods_of(rule)}


def methods_of(rule: Rule) -> set[str]:
    """Those that the rule was made for."""
    return set(rule.methods or ()) - {"HEAD", "OPTIONS"}


def allowed_at(app: Flask, rule: str) -> set[str]:
    """All methods of the rules that are written like `rule`."""
    return {method for each in app.url_map.iter_rules() if each.rule == rule for method in each.methods or ()}


def body_of(answered: TestResponse) -> str:
    """Without what is different each time."""
    return _VARYING.sub("", answered.get_data(as_text=True))


def headers_of(answered: TestResponse) -> dict[str, str]:
    """The same of the headers."""
    return {
        name: value.partition("=")[0] if name == "Set-Cookie" else value
        for name, value in answered.headers
        if name not in ("X-Request-Id", "Date")
    }
