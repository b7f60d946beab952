"""Secrets stay where they belong. Each one here is a canary; a real server is taken through the whole product, good
and bad, with an upstream that repeats what it is told in its errors and a database that breaks; then everything that
came out of it is searched for all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import make_url, text

from chatapp.store.database import Database
from tests.scripted_upstream import (
    STREAM_HEAD,
    End,
    ReceivedRequest,
    ScriptedUpstream,
    Step,
    answer,
    chunk,
    delta,
    event,
    refuse,
    respond,
)
from tests.server import RunningServer
from tests.web.policy import POLICY
from tests.web.world import Things, missing_things

CANARIES = {
    "API key": "sk-canaryApiKey0123456789",
    "SECRET_KEY": "canarySecretKey0123456789012345678901234",
    "JWT_SECRET": "canaryJwtSecret0123456789012345678901234",
    "database password": "canaryDatabasePassword",
    "password": "canary-Password-right",
    "wrong password": "canary-Password-wrong",
    "message": "canaryMessageText",
    "reply": "canaryReplyText",
    "title": "canaryTitle",
    "e-mail": "canary-mail@example.org",
    "unknown e-mail": "canary-nobody@example.org",
    "request id": "req_canaryRequestId01",
    "crooked request id": "canary-crooked-request-id",
    "query": "canaryQuery",
    "upstream's header": "canaryUpstreamHeader",
    "made-up API token": "canary.madeUp.ApiToken",
    "made-up stream token": "canaryMadeUpStreamToken",
    "made-up CSRF token": "canaryMadeUpCsrfToken",
    "made-up cookie": "canaryMadeUpCookie",
}
ANSWERS = r"body .*"
ALLOWED: dict[str, str] = {
    "API key": "upstream authorization",
    "SECRET_KEY": "",
    "JWT_SECRET": "",
    "database password": "",
    "password": "",
    "wrong password": "",
    "password hash": "",
    "message": rf"upstream body|{ANSWERS}",
    "reply": rf"upstream body|{ANSWERS}",
    "title": ANSWERS,
    "e-mail": ANSWERS,
    "unknown e-mail": r"body POST /(sign-in|register)",
    "request id": rf"log|header X-Request-Id|{ANSWERS}",
    "crooked request id": "",
    "query": r"header Location|body GET /(?!api/|generations/).*",
    "upstream's header": "",
    "made-up API token": "",
    "made-up stream token": r"header Location|body GET /(?!api/|generations/).*",  # on a page it is a query
    "made-up CSRF token": "",
    "made-up cookie": "",
    "cookie": "header Set-Cookie",
    "CSRF token": r"body GET /api/auth/user|body (GET|POST) /.*",
    "API token": r"body POST /api/v1/auth/token|body POST (/api/v1)?/tokens",
    "stream token": r"body POST .*/stream-token",
}
"""Where each may be found, as a pattern for the names of places; in each that is named alone it must be found."""
FAILURES = [400, 401, 403, 404, 429, 500]
BREAKS = ["cut", "error-event", "malformed", "page"]


def script(request: ReceivedRequest) -> Iterable[Step]:
    """Fails as the last message asks, and repeats the message and the key as it does."""
    if request.method == "GET":
        return respond(200, {"data": [{"id": "gpt-4o-mini"}]})
    asked = request.json()["messages"][-1]["content"]
    told = f"{asked} {request.headers['authorization']}"
    how = asked.rpartition(" ")[2]
    failures: dict[str, Iterable[Step]] = {
        **{f"fail-{each}": [_with_header(refuse(each, told, detail=told))] for each in FAILURES},
        "cut": [STREAM_HEAD, chunk(delta(CANARIES["reply"])), End.CLOSE],
        "error-event": [STREAM_HEAD, chunk(event({"error": {"message": told}})), End.CLOSE],
        "malformed": [STREAM_HEAD, chunk(b"data: {" + told.encode() + b"\n\n"), End.CLOSE],
        "page": respond(502, f"<html>{told}</html>".encode(), [("Retry-After-Ms", "1")]),
    }
    return failures.get(how, answer(CANARIES["reply"], " and more"))


def _with_header(steps: list[Step]) -> bytes:
    (said,) = steps
    assert isinstance(said, bytes)
    return said.replace(b"\r\n", b"\r\nX-Upstream: " + CANARIES["upstream's header"].encode() + b"\r\n", 1)


@dataclass
class Walk:
    """Asks, and keeps all that is answered, by the name of its place."""

    server: RunningServer
    places: dict[str, list[str]] = field(default_factory=dict)
    secrets: dict[str, set[str]] = field(default_factory=dict)
    clients: list[httpx2.Client] = field(default_factory=list)

    def client(self, **headers: str) -> httpx2.Client:
        given = {"X-Request-Id": CANARIES["request id"], **headers}
        client = httpx2.Client(base_url=self.server.url, headers=given, timeout=30, trust_env=False)
        self.clients.append(client)
        return client

    def ask(self, client: httpx2.Client, row: str, things: Things, **body: Any) -> httpx2.Response:
        method, _, rule = row.partition(" ")
        answered = client.request(method, things.fill(rule), **body)
        self.places.setdefault(f"body {row}", []).append(answered.text)
        for name, value in answered.headers.multi_items():
            self.places.setdefault(f"header {_spelt(name)}", []).append(value)
        for cookie in re.findall(r"chatapp_session=([^;]{20,})", answered.headers.get("set-cookie", "")):
            self.secrets.setdefault("cookie", set()).add(cookie)
        for kind, pattern in (("CSRF token", r'csrf[-_]token"(?: value=| content=|:)"([^"]+)"'),
                              ("API token", r"\b(eyJ[\w-]{20,}\.[\w-]+\.[\w-]+)"),
                              ("stream token", r'"sse_token":"([^"]+)"')):  # fmt: skip
            self.secrets.setdefault(kind, set()).update(re.findall(pattern, answered.text))
        return answered

    def everything(self, client: httpx2.Client, things: Things, csrf: str, **more: Any) -> None:
        """Every route, those last that end what the others need."""
        for row in sorted(POLICY, key=lambda row: (row.startswith("DELETE"), row.endswith("/sign-out"))):
            route = POLICY[row]
            body: dict[str, Any] = {}
            if route.json is not None:
                body["json"] = _with_canaries(things.filled(route.json) or {})
            if route.form is not None:
                body["data"] = {**_with_canaries(dict(route.form)), "csrf_token": csrf}
            self.ask(client, row, things, headers={"X-CSRFToken": csrf}, **body, **more)

    def sweep(self, canary: str) -> set[str]:
        """The places that hold it."""
        return {place for place, texts in self.places.items() if any(canary in each for each in texts)}


def _spelt(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _with_canaries(body: dict[str, Any]) -> dict[str, Any]:
    given = {"message": "message", "title": "title", "email": "unknown e-mail", "password": "wrong password"}
    return {name: CANARIES[given[name]] if name in given else value for name, value in body.items()}


def things_of(started: dict[str, Any]) -> Things:
    names = (started["session_id"], started["turn_id"], started["generations"][0]["id"])
    return Things(*names, "x", "")


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    url = make_url(postgresql_url).set(password=CANARIES["database password"])
    return url.render_as_string(hide_password=False)


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(script) as upstream:
        yield upstream


@pytest.fixture
def server(tmp_path: Path, database_url: str, upstream: ScriptedUpstream) -> Iterator[RunningServer]:
    settings = {
        "OPENAI_API_KEY": CANARIES["API key"],
        "OPENAI_BASE_URL": upstream.base_url,
        "CHATAPP_MODELS": "gpt-4o-mini",
        "SECRET_KEY": CANARIES["SECRET_KEY"],
        "JWT_SECRET": CANARIES["JWT_SECRET"],
        "DATABASE_URL": database_url,
    }
    with RunningServer(tmp_path, settings) as server:
        server.create_user(CANARIES["e-mail"], CANARIES["password"])
        yield server


@pytest.fixture
def walk(server: RunningServer) -> Iterator[Walk]:
    walk = Walk(server)
    yield walk
    for client in walk.clients:
        client.close()


def test_each_secret_is_where_it_belongs_and_nowhere_else(
    walk: Walk, server: RunningServer, upstream: ScriptedUpstream, database_url: str
) -> None:
    bearer, browser, csrf = signed_in(walk)
    things = talk(walk, bearer)
    open_by_stream_token(walk, bearer, things)
    go_wrong(walk, things)
    walk.everything(bearer, missing_things(), "")
    walk.everything(
        browser, things, csrf, params={"draft": CANARIES["query"], "next": f"/{CANARIES['query']}"}
    )
    bearer, browser, csrf = signed_in(walk)
    break_the_database(walk, bearer, browser, csrf, database_url)
    server.stop()

    walk.places["log"] = [server.log_text()]
    walk.places["upstream authorization"] = [each.headers["authorization"] for each in upstream.requests]
    rest = [
        json.dumps({name: value for name, value in each.headers.items() if name != "authorization"})
        + each.path
        for each in upstream.requests
    ]
    walk.places["upstream headers"] = rest
    walk.places["upstream body"] = [each.body.decode() for each in upstream.requests]
    assert "Request failed" in server.log_text()
    assert "Database unavailable" in server.log_text()
    assert_all_in_place(walk)


def signed_in(walk: Walk) -> tuple[httpx2.Client, httpx2.Client, str]:
    """By an API token for the password, and through the page; the latter's CSRF token."""
    nobody, browser, none = walk.client(), walk.client(), missing_things()
    good = {"email": CANARIES["e-mail"], "password": CANARIES["password"]}
    token = walk.ask(nobody, "POST /api/v1/auth/token", none, json=good).json()["token"]
    form = re.search(r'name="csrf_token" value="([^"]+)"', walk.ask(browser, "GET /sign-in", none).text)
    assert form is not None
    unknown, wrong = CANARIES["unknown e-mail"], CANARIES["wrong password"]
    walk.ask(nobody, "POST /api/v1/auth/token", none, json={**good, "password": wrong})
    for fields, row, status in (
        ({**good, "password": wrong}, "POST /sign-in", 401),
        ({"email": unknown, "password": wrong}, "POST /sign-in", 401),
        ({**good, "password": wrong}, "POST /register", 422),
        ({"email": f"@{unknown}", "password": wrong}, "POST /register", 422),
        (good, "POST /sign-in", 303),
    ):
        sent = {**fields, "csrf_token": form[1]}
        assert walk.ask(browser, row, none, data=sent).status_code == status, row
    csrf = walk.ask(browser, "GET /api/auth/user", none).json()["csrf_token"]
    return walk.client(Authorization=f"Bearer {token}"), browser, csrf


def talk(walk: Walk, bearer: httpx2.Client) -> Things:
    """A good answer, and one of each failure; the things of the good one."""
    none = missing_things()
    for how in [*(f"fail-{status}" for status in FAILURES), *BREAKS]:
        message = {"message": f"{CANARIES['message']} {how}"}
        answered = walk.ask(bearer, "POST /api/v1/chat", none, json=message)
        assert "event: done" in answered.text, (how, answered.text)
        walk.ask(bearer, "POST /api/chat/stream", none, json=message)
    started = walk.ask(bearer, "POST /api/v1/turns", none, json={"message": CANARIES["message"]}).json()
    things = things_of(started)
    assert CANARIES["reply"] in walk.ask(bearer, "GET /api/v1/turns/<turn_id>/stream", things).text
    title = {"title": CANARIES["title"]}
    walk.ask(bearer, "PATCH /api/v1/conversations/<session_id>", things, json=title)
    return things


def open_by_stream_token(walk: Walk, bearer: httpx2.Client, things: Things) -> None:
    """Once, again, and at another stream."""
    nobody = walk.client()
    for path, kind in (("generations/<generation_id>", "generation"), ("turns/<turn_id>", "turn")):
        asked = walk.ask(bearer, f"POST /api/v1/{path}/stream-token", things)
        query = {"token": asked.json()["sse_token"]}
        row = f"GET /api/v1/{path}/stream"
        statuses = [walk.ask(nobody, row, things, params=query).status_code for _ in range(2)]
        assert statuses == [200, 401], kind
        walk.ask(nobody, row, missing_things(), params=query)
        walk.ask(nobody, "GET /api/v1/voices", things, params=query)


def go_wrong(walk: Walk, things: Things) -> None:
    """Every route with nothing, and with secrets that are none."""
    made_up = {"Authorization": f"Bearer {CANARIES['made-up API token']}"}
    walk.everything(walk.client(), things, "")
    walk.everything(walk.client(**made_up), things, CANARIES["made-up CSRF token"])
    cookie = {"Cookie": f"chatapp_session=s.{CANARIES['made-up cookie']}", "Origin": "https://evil.example"}
    crooked = {"X-Request-Id": CANARIES["crooked request id"], "X-Test-Scenario": "cut"}
    query = {"token": CANARIES["made-up stream token"]}
    walk.everything(walk.client(**cookie, **crooked), things, CANARIES["made-up CSRF token"], params=query)


BROKEN = {
    "messages": "role = 'user' AND false",
    "browser_sessions": "false",
    "api_tokens": "false",
    "stream_tokens": "false",
}


def break_the_database(
    walk: Walk, bearer: httpx2.Client, browser: httpx2.Client, csrf: str, database_url: str
) -> None:
    """First in ways that nobody foresaw, and PostgreSQL tells of each the row that it refused; then altogether."""
    database = Database(database_url)
    none = missing_things()
    started = walk.ask(bearer, "POST /api/v1/turns", none, json={"message": CANARIES["message"]}).json()
    things = things_of(started)
    walk.ask(bearer, "GET /api/v1/turns/<turn_id>/stream", things)
    for table, check in (("messages", "content NOT LIKE '%ReplyText%'"), *BROKEN.items()):
        with database.write() as connection:
            connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS broken"))
            connection.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT broken CHECK ({check}) NOT VALID"))
        walk.ask(bearer, "POST /api/v1/chat", none, json={"message": CANARIES["message"]})
    walk.everything(bearer, things, "")
    walk.everything(browser, things, csrf)
    good = {"email": CANARIES["e-mail"], "password": CANARIES["password"]}
    assert walk.ask(walk.client(), "POST /api/v1/auth/token", none, json=good).status_code == 500
    with database.write() as connection:
        connection.execute(text("ALTER TABLE users RENAME TO away"))
    walk.everything(bearer, things, "")
    walk.everything(browser, things, csrf)
    assert walk.ask(bearer, "GET /api/v1/voices", none).status_code == 503
    database.close()


def assert_all_in_place(walk: Walk) -> None:
    secrets = {name: {canary} for name, canary in CANARIES.items()} | walk.secrets
    secrets["password hash"] = {"$argon2"}
    assert set(secrets) == set(ALLOWED)
    for name, canaries in secrets.items():
        assert canaries, name
        found = {place for canary in canaries for place in walk.sweep(canary)}
        assert {place for place in found if not re.fullmatch(ALLOWED[name], place)} == set(), name
        assert bool(found) == bool(ALLOWED[name]), f"{name} was not seen where it belongs"
