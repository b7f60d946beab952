"""Bad input, generated from the routes and the models of bodies: never a 500, never taken, never written down raw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from chatapp.store.account import User
from chatapp.web.body import Body
from chatapp.web.body_size import BODY
from tests.web.conftest import PASSWORD, LogLines, SignUp, app_in, assert_error, parts_of, submit
from tests.web.hostile_values import CONTROLS, DISGUISES, EXTRA, SEGMENTS, WRONG
from tests.web.policy import POLICY, Administrators, By, Open, Who
from tests.web.world import World

JSON_ROWS = [row for row, route in POLICY.items() if route.json is not None]
FORM_ROWS = [row for row, route in POLICY.items() if route.form is not None]
DEEP = 100_000


@pytest.fixture(scope="module")
def world(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, sign_up: SignUp
) -> Iterator[World]:
    with (
        app_in(tmp_path_factory.mktemp("world"), sqlite_template) as app,
        closing(World(app, sign_up)) as world,
    ):
        yield world


@pytest.fixture
def owner(world: World) -> FlaskClient:
    return world.client(Who.OWNER, By.BEARER)[0]


def path_of(world: World, row: str) -> str:
    return world.things[Who.OWNER].fill(row.split(" ")[1])


def send(world: World, client: FlaskClient, row: str, body: bytes, **headers: str) -> TestResponse:
    """`body` to the route of `row`, as JSON. What only administrators may is asked by one: others are refused before
    anything is read."""
    if isinstance(POLICY[row], Administrators):
        client = world.client(Who.ADMINISTRATOR, By.BEARER)[0]
    kind = headers.pop("content_type", "application/json")
    return client.open(
        path_of(world, row),
        method=row.split(" ", maxsplit=1)[0],
        data=body,
        content_type=kind,
        headers=headers,
    )


def good_body(world: World, row: str) -> dict[str, Any]:
    return world.things[Who.OWNER].filled(POLICY[row].json) or {}


def models() -> list[type[Body]]:
    """Every body that the API takes."""
    found, waiting = [], [Body]
    while waiting:
        found += (below := waiting.pop().__subclasses__())
        waiting += below
    return found


def types_of_fields() -> dict[str, set[str]]:
    """For each name of a field, in whatever body, the types that JSON Schema allows there."""
    types: dict[str, set[str]] = {}
    for model in models():
        for name, schema in model.model_json_schema(by_alias=True)["properties"].items():
            types.setdefault(name, set()).update(_types(schema))
    return types


def _types(schema: dict[str, Any]) -> set[str]:
    if "anyOf" in schema:
        return {name for each in schema["anyOf"] for name in _types(each)}
    if "$ref" in schema:
        return {"object"}
    allowed = {str(schema["type"])}
    return allowed | {"integer"} if "number" in allowed else allowed


@pytest.mark.parametrize("row", JSON_ROWS)
def test_values_of_the_wrong_type(world: World, owner: FlaskClient, row: str) -> None:
    before, good = world.saved(), good_body(world, row)
    for name, allowed in types_of_fields().items():
        for kind, value in WRONG:
            if kind not in allowed:
                answered = send(world, owner, row, json.dumps({**good, name: value}).encode())
                fields = {each["field"].partition(".")[0] for each in assert_error(answered, 422)["errors"]}
                assert name in fields, (name, value)
    assert world.saved() == before


@pytest.mark.parametrize("row", JSON_ROWS)
def test_fields_that_nobody_asked_for_are_refused_by_name(world: World, owner: FlaskClient, row: str) -> None:
    before, good = world.saved(), good_body(world, row)
    for name, value in EXTRA.items():
        answered = send(world, owner, row, json.dumps({**good, name: value}).encode())
        assert {each["field"] for each in assert_error(answered, 422)["errors"]} == {name}
    assert world.saved() == before


MALFORMED = {
    "deep list": b"[" * DEEP + b"]" * DEEP,
    "deep, and small": b"[" * 4000 + b"]" * 4000,
    "deep object": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "deep in a field": b'{"message":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "NaN": b'{"message": NaN}',
    "Infinity": b'{"message": Infinity}',
    "-Infinity": b'{"other": [-Infinity]}',
    "twice": b'{"message": "a", "message": "b"}',
    "twice, spelt otherwise": b'{"message": "a", "mess\\u0061ge": "b"}',
    "twice within": b'{"other": {"a": 1, "a": 2}}',
    "byte order mark": b'\xef\xbb\xbf{"message": "a"}',
    "UTF-16": '{"message": "a"}'.encode("utf-16"),
    "no UTF-8": b'{"message": "\xff"}',
    "overlong": b'{"message": "\xc0\xaf"}',
    "half a character": b'{"message": "\xed\xa0\x80"}',
    "a digit too many": b'{"message": ' + b"9" * 5000 + b"}",
    "a raw control character": b'{"message": "a\x1b"}',
    "two values": b"{}{}",
    "a comma": b'{"message": "a",}',
    "a comment": b'{"message": "a"} // b',
    "nothing": b"",
    "blanks": b" \n ",
    "compressed": b"\x1f\x8b\x08\x00",
}


def most_bytes(world: World, row: str) -> int:
    """How large a body this route takes."""
    method, _, rule = row.partition(" ")
    (endpoint,) = [
        each.endpoint
        for each in world.app.url_map.iter_rules()
        if each.rule == rule and method in (each.methods or ())
    ]
    return int(getattr(world.app.view_functions[endpoint], "takes_at_most", BODY))


@pytest.mark.parametrize("row", JSON_ROWS)
def test_json_that_can_be_read_in_no_way_or_in_two(world: World, owner: FlaskClient, row: str) -> None:
    before = world.saved()
    for name, body in MALFORMED.items():
        answered = send(world, owner, row, body)
        told = (400, "MALFORMED_JSON") if len(body) <= most_bytes(world, row) else (413, "TOO_LARGE")
        assert (answered.status_code, answered.json and answered.json["code"]) == told, name
    assert world.saved() == before


@pytest.mark.parametrize("row", JSON_ROWS)
def test_numbers_beyond_all_bounds_are_wrong_values(world: World, owner: FlaskClient, row: str) -> None:
    for number in (b"1e400", b"-1e400", b"9223372036854775808", b"1" + b"0" * 400, b"1e-400", b"-0"):
        for name in types_of_fields():
            assert_error(send(world, owner, row, b'{"%b": %b}' % (name.encode(), number)), 422)


@pytest.mark.parametrize("row", JSON_ROWS)
def test_bodies_that_are_sent_as_something_else(world: World, owner: FlaskClient, row: str) -> None:
    body, before = json.dumps(good_body(world, row)).encode(), world.saved()
    for kind in ("text/plain", "text/json", "application/json5", "application/jsonp", "application/ld+json",
                 "multipart/form-data; boundary=x", "", "application", "json", "application/ json",
                 "application/json, text/plain", "text/plain; application/json", "\x00"):  # fmt: skip
        assert_error(send(world, owner, row, body, content_type=kind), 415)
    for coding in ("gzip", "deflate", "br", "GZIP", "gzip, identity", "identity, gzip", "x", ""):
        answered = send(world, owner, row, body, **{"Content-Encoding": coding})
        assert_error(answered, 415)
    assert world.saved() == before


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", 'application/json;a="b;c"',
                                  "application/json; charset=latin-1", "application/json;"])  # fmt: skip
def test_json_is_utf_8_whatever_its_parameters_say(world: World, owner: FlaskClient, kind: str) -> None:
    """As the standard has it, which knows no parameter."""
    body = json.dumps({"title": "Grüße"}, ensure_ascii=False).encode()
    row = "PATCH /api/v1/conversations/<session_id>"
    answered = send(world, owner, row, body, content_type=kind, **{"Content-Encoding": "Identity"})
    assert answered.json is not None
    assert answered.json["title"] == "Grüße"


def ask_raw(client: FlaskClient, target: str, method: str) -> TestResponse:
    """Asks for `target` as it is written; the test client would read a host in `//a`."""
    path, _, query = target.partition("?")
    raw = {
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.encode().decode("latin-1"),
    }
    written = target.encode().decode("latin-1")
    given = {**raw, "REQUEST_URI": written, "RAW_URI": written}
    return client.open("/", method=method, json={}, environ_overrides=given, buffered=True)


def everybody(world: World) -> list[tuple[Who, FlaskClient]]:
    return [
        (Who.ANONYMOUS, world.client(Who.ANONYMOUS, By.NOTHING)[0]),
        (Who.OTHER, world.client(Who.OTHER, By.BEARER)[0]),
    ]


def assert_harmless(answered: TestResponse, path: str) -> None:
    """No failure of ours, no HTML from the API, no header that the request could write."""
    assert answered.status_code < 500, path
    assert "X-Forged" not in answered.headers
    assert all(value.isprintable() for _, value in answered.headers), path
    others = ("/api/docs", "/api/v1/voices.toml")
    is_page = path.partition("?")[0] in others and answered.status_code == 200
    if path.startswith(("/api/", "/generations/")) and answered.get_data() and not is_page:
        assert answered.mimetype in ("application/json", "text/event-stream"), path


QUERIES = ["limit", "cursor", "older", "before", "next", "draft", "last_event_id", "token"]


@pytest.mark.parametrize("row", POLICY)
def test_names_that_nothing_has(world: World, row: str) -> None:
    """In place of each name in a path, and in its query."""
    method, _, rule = row.partition(" ")
    before = world.saved()
    for who, client in everybody(world):
        for segment in SEGMENTS if "<" in rule else []:
            path = "/".join(segment if part.startswith("<") else part for part in rule.split("/"))
            answered = ask_raw(client, path, method)
            assert_harmless(answered, path)
            assert answered.status_code in (400, 401, 403, 404, 405, 422, 303), (who, path)
    client = everybody(world)[1][1]
    for segment in SEGMENTS if method == "GET" else []:
        query = "&".join(f"{name}={segment}" for name in QUERIES)
        asked = f"{path_of(world, row)}?{query}"
        assert_harmless(ask_raw(client, asked, method), asked)
    assert world.saved() == before


@pytest.mark.parametrize("row", POLICY)
def test_no_disguise_of_a_path_opens_it(world: World, row: str) -> None:
    method, before = row.split(" ", maxsplit=1)[0], world.saved()
    path = path_of(world, row)
    for who, client in everybody(world):
        for disguise in DISGUISES:
            asked = disguise.format(path=path, upper=path.upper())
            answered = ask_raw(client, asked, method)
            assert_harmless(answered, asked)
            if isinstance(POLICY[row], Open) or path == "/":
                continue
            if (
                asked.lstrip("/") == path[1:]
            ):  # more slashes in front are none; and so it is the same, sign-in and all
                assert answered.status_code == ask_raw(client, path, method).status_code, (who, asked)
                continue
            is_led_to_sign_in = answered.headers.get("Location", "").startswith("/sign-in")
            assert answered.status_code >= 400 or is_led_to_sign_in, (who, asked)
    assert world.saved() == before


def test_a_long_query_is_read_in_bounded_time(world: World, owner: FlaskClient) -> None:
    for query in ("&" * 100_000, "a=" * 50_000, "limit=1&" * 10_000, "%" * 100_000, "x" * 100_000):
        assert owner.get(f"/api/v1/conversations?{query}").status_code in (200, 422)


HEADERS = [
    "Accept", "Accept-Encoding", "Authorization", "Content-Encoding", "Cookie", "Expect", "Forwarded",
    "Host", "Idempotency-Key", "If-Modified-Since", "If-None-Match", "If-Range", "Last-Event-ID", "Origin",
    "Access-Control-Request-Method", "Access-Control-Request-Headers", "Range", "Referer", "User-Agent",
    "X-CSRFToken", "X-Forwarded-For", "X-Forwarded-Host", "X-Request-Id", "X-Test-Scenario",
]  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_is_written_down_raw(world: World, name: str, log_lines: LogLines) -> None:
    """As a server hands it over, which lets no line break through; the bytes of UTF-8 it reads as Latin-1."""
    before = world.saved()
    values = [each.encode().decode("latin-1") for each in CONTROLS.values() if not {"\r", "\n"} & {*each}]
    values += ["\xff\xfe", "x" * 8000, "Bearer \x1b", "chatapp_session=s.\x1b"]
    client = world.client(Who.OWNER, By.BEARER)[0]
    for value in values:
        for method, path in (("GET", "/"), ("POST", "/api/v1/auth/token"), ("POST", "/sign-in"),
                             ("OPTIONS", "/api/v1/chat"), ("GET", "/api/nowhere")):  # fmt: skip
            answered = client.open(path, method=method, headers={name: value}, json={}, buffered=True)
            assert_harmless(answered, path)
    assert_one_printable_line_each(log_lines)
    assert world.saved() == before


def assert_one_printable_line_each(log_lines: LogLines) -> None:
    assert all(line.isprintable() and line.isascii() for line in log_lines.written)


@pytest.mark.parametrize("control", CONTROLS)
def test_no_field_is_written_down_raw(world: World, control: str, log_lines: LogLines) -> None:
    """Neither as a value nor as a name, in JSON or in a form."""
    hostile = CONTROLS[control]
    client, before = world.client(Who.OWNER, By.BEARER)[0], world.saved()
    for row in JSON_ROWS:
        for body in (dict.fromkeys(types_of_fields(), hostile), {hostile: hostile}):
            assert_harmless(send(world, client, row, json.dumps(body).encode()), path_of(world, row))
    for row in FORM_ROWS:
        visitor, csrf = world.client(Who.ANONYMOUS, By.COOKIE)
        fields = dict.fromkeys(("email", "password", "name", "next", "message", hostile), hostile)
        for token in (csrf, hostile):
            answered = visitor.post(path_of(world, row), data={**fields, "csrf_token": token})
            assert_harmless(answered, path_of(world, row))
    assert_one_printable_line_each(log_lines)
    without_visits = {"users", "browser_sessions"}
    after = world.saved()
    assert all(rows == after[table] for table, rows in before.items() if table not in without_visits)


@pytest.mark.parametrize(
    "host", ["", "a b", "<x>", "[::1", "a" * 5000, "a/b", "a:99999999", "a,b", "\x1b", "\xe9"]
)
def test_a_host_that_is_none(world: World, host: str) -> None:
    for path in (
        "/api/health",
        "/api/nowhere",
        "/",
        "/nowhere",
        "/api//health",
        "/static//style.css",
        "/sign-in",
    ):
        answered = world.app.test_client().get(path, headers={"Host": host}, buffered=True)
        assert_harmless(answered, path)
        assert "http" not in answered.headers.get("Location", "")


def test_fields_of_a_form_that_nobody_asked_for_change_nothing(app: Flask) -> None:
    """They are passed over, because browsers and what is built into them add their own."""
    extra = {name: str(value) for name, value in EXTRA.items()} | {"id": "0", "session_id": "x"}
    client = app.test_client()
    given = {"email": "new@example.org", "password": PASSWORD, "name": "New"}
    assert submit(client, "/register", **given, **extra).status_code == 303
    with parts_of(app).database.read() as connection:
        user = connection.execute(select(User)).one()
    assert (user.role, user.name, user.disabled_at) == ("user", "New", None)
    assert user.id != "0"
    assert user.created_at.year > 2000
    posted = submit(client, "/messages", "/", message="Hi", **extra)
    name = posted.headers["Location"].rpartition("/")[2]
    told = client.get(f"/api/v1/conversations/{name}").get_json()
    assert (told["title"], told["session_id"] != "x") == ("Hi", True)
    assert not told["created_at"].startswith("2000")
    changed = submit(client, "/password", old_password=PASSWORD, new_password="another " + PASSWORD, **extra)
    assert changed.status_code == 303
    assert client.get("/api/auth/user").get_json()["role"] == "user"
