"""The policy of access (policy.py), asked of the application: every route, by everybody, with whatever they carry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, has_request_context
from werkzeug.test import TestResponse

from tests.scripted_upstream import ScriptedUpstream, answer
from tests.statements import statements
from tests.turns.house import until
from tests.web.conftest import SignUp, app_in, assert_error, parts_of
from tests.web.policy import POLICY, By, Route, Stream, Told, Who
from tests.web.world import (
    Things,
    World,
    allowed_at,
    body_of,
    headers_of,
    missing_things,
    rows_of_the_map,
)

CELLS = [
    (who, by)
    for who in Who
    for by in By
    if by is not By.NOTHING or who is Who.ANONYMOUS  # who carries nothing is anonymous
]
READS = [row for row in POLICY if row.startswith("GET ")]
STRANGE_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "BREW"]


@pytest.fixture(scope="module")
def world(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, sign_up: SignUp
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with (
        ScriptedUpstream(answer("Hello")) as upstream,
        app_in(folder, sqlite_template, upstream.base_url) as app,
        closing(World(app, sign_up)) as world,
    ):
        yield world


def ask(
    world: World,
    row: str,
    who: Who,
    by: By,
    things: Things,
    method: str = "",
    stream_token: str | None = None,
) -> TestResponse:
    """Asks for the route of `row` about `things`, with all the proof that a page of ours would send."""
    client, csrf = world.client(who, by)
    route, (row_method, _, rule) = POLICY[row], row.partition(" ")
    body: dict[str, Any] = {}
    if route.json is not None:
        body["json"] = things.filled(route.json)
    if route.form is not None:
        body["data"] = {**(things.filled(route.form) or {}), "csrf_token": csrf}
    path = things.fill(rule)
    if by is By.STREAM_TOKEN:
        body["query_string"] = {"token": stream_token or world.stream_token(who, things, path)}
    return client.open(
        path, method=method or row_method, headers={"X-CSRFToken": csrf}, buffered=True, **body
    )


def test_every_route_has_a_policy_and_every_policy_a_route(world: World) -> None:
    assert rows_of_the_map(world.app) == set(POLICY)


@pytest.mark.parametrize("row", POLICY)
def test_who_may_and_who_may_not(world: World, row: str) -> None:
    for who, by in CELLS:
        route = POLICY[row]
        if route.told(who, by) is Told.GRANTED:
            assert_granted(world, row, who, by)
        else:
            assert_refused(world, row, who, by)


def assert_granted(world: World, row: str, who: Who, by: By) -> None:
    """What may be done is done, and tells nothing of anybody else."""
    things = world.things[Who.OWNER] if row.startswith("GET ") else world.new_things(Who.OWNER)
    answered = ask(world, row, who, by, things)
    cell, body = (row, who, by), answered.get_data(as_text=True)
    assert answered.status_code == POLICY[row].status(who, by), (cell, body[:500])
    for other in set(world.people) - {who}:
        assert world.things[other].canary not in body, cell
        assert world.people[other].id not in body, cell
    until(lambda: not parts_of(world.app).busy)
    if not row.startswith("GET "):
        world.sign_in_again(who)


def assert_refused(world: World, row: str, who: Who, by: By) -> None:
    """A refusal is what it is said to be, the same as for a missing thing, and changes nothing."""
    route, told = POLICY[row], POLICY[row].told(who, by)
    own = world.things[who] if who is Who.DISABLED else world.things[Who.OWNER]
    token = world.stream_token(who, own, row) if by is By.STREAM_TOKEN else None
    before = world.saved()
    real = ask(world, row, who, by, own, stream_token=token)
    unreal = ask(world, _like(route, row), who, by, missing_things(), stream_token=token)
    assert world.saved() == before, (row, who, by)
    _assert_told(real, told, row, who, by)
    if told in (Told.SIGN_IN, Told.NO_FORM_TOKEN):
        return
    assert real.status_code == unreal.status_code, (row, who, by)
    assert body_of(real) == body_of(unreal), (row, who, by)
    ours = {"Referrer-Policy"} if route.creates else set()
    assert _without(ours, real) == _without(ours, unreal), (row, who, by)
    assert not any(each in body_of(real) for each in (own.session_id, own.turn_id, own.generation_id))


def _like(route: Route, row: str) -> str:
    """The row whose missing thing is answered as that of `row` is where it is somebody else's."""
    if not route.creates:
        return row
    return (
        "GET /c/<session_id>" if route.form is not None else "GET /api/sessions/<session_id>/stream/<voice>"
    )


def _assert_told(answered: TestResponse, told: Told, row: str, who: Who, by: By) -> None:
    cell = (row, who, by, answered.status_code, answered.get_data(as_text=True)[:300])
    is_api = row.split(" ")[1].startswith(("/api/", "/generations/"))
    match told:
        case Told.SIGN_IN:
            assert answered.status_code == 303, cell
            assert answered.headers["Location"].startswith("/sign-in"), cell
        case Told.NO_FORM_TOKEN:
            assert (answered.status_code, answered.mimetype) == (403, "text/html"), cell
        case Told.FORBIDDEN if not is_api:
            assert (answered.status_code, answered.mimetype) == (403, "text/html"), cell
            assert "Only an administrator" in answered.get_data(as_text=True), cell
        case Told.FORBIDDEN:
            assert "Only an administrator" in assert_error(answered, 403, "FORBIDDEN")["message"], cell
        case Told.MISSING if not is_api:
            assert (answered.status_code, answered.mimetype) == (404, "text/html"), cell
        case Told.MISSING:
            assert assert_error(answered, 404, "NOT_FOUND")["message"] == "Not found.", cell
        case Told.ASKED_FOR_TOKEN:
            assert [each["field"] for each in assert_error(answered, 422)["errors"]] == ["token"], cell
        case _:
            assert f"401 {assert_error(answered, 401, 'UNAUTHORIZED')['message']}" == told, cell


@pytest.mark.parametrize("row", READS)
def test_reading_changes_nothing_and_head_is_get_without_its_body(world: World, row: str) -> None:
    """But for the spending of a stream token. (A session's first page makes its CSRF token; here each has one.)"""
    for who, by in CELLS:
        things = world.things[who if who is Who.DISABLED else Who.OWNER]
        token = world.stream_token(who, things, row) if by is By.STREAM_TOKEN else None
        before, unspent = world.saved(without="spent_at"), world.saved()
        head = ask(world, row, who, by, things, "HEAD", stream_token=token)
        assert world.saved() == unspent, (row, who, by)
        got = ask(world, row, who, by, things, stream_token=token)
        assert world.saved(without="spent_at") == before, (row, who, by)
        assert head.get_data() == b""
        if isinstance(POLICY[row], Stream):
            assert (head.status_code, head.headers["Allow"]) == (405, "GET, OPTIONS"), (row, who, by)
        else:
            assert head.status_code == got.status_code, (row, who, by)
            # A page holds tokens of its own each time, not always of one length.
            assert _without({"Content-Length"}, head) == _without({"Content-Length"}, got), (row, who, by)


def _without(names: set[str], answered: TestResponse) -> dict[str, str]:
    return {name: value for name, value in headers_of(answered).items() if name not in names}


@pytest.mark.parametrize("row", POLICY)
def test_options_are_told_to_anybody_and_touch_nothing(world: World, row: str) -> None:
    _, _, rule = row.partition(" ")
    things = world.things[Who.OWNER]
    token = world.stream_token(Who.OWNER, things, row)
    with statements(has_request_context) as asked:
        for who, by in [(Who.ANONYMOUS, By.NOTHING), *((Who.OWNER, by) for by in set(By) - {By.NOTHING})]:
            answered = ask(world, row, who, by, things, "OPTIONS", stream_token=token)
            assert answered.status_code == 200, (row, who, by)
            assert set(answered.allow) == allowed_at(world.app, rule)
            assert answered.get_data() == b""
    assert asked == []


@pytest.mark.parametrize("row", POLICY)
def test_methods_that_a_route_does_not_take(world: World, row: str) -> None:
    _, _, rule = row.partition(" ")
    allowed = allowed_at(world.app, rule)
    for method in set(STRANGE_METHODS) - allowed:
        for who, by in ((Who.ANONYMOUS, By.NOTHING), (Who.OWNER, By.BEARER), (Who.OWNER, By.COOKIE)):
            client, csrf = world.client(who, by)
            before = world.saved()
            path = world.things[Who.OWNER].fill(rule)
            answered = client.open(path, method=method, headers={"X-CSRFToken": csrf})
            assert answered.status_code == 405, (method, row)
            assert set(answered.headers["Allow"].split(", ")) == allowed
            assert world.saved() == before


def test_an_application_without_a_policy_for_a_route_fails(app: Flask) -> None:
    app.add_url_rule("/api/v1/forgotten", "forgotten", view_func=lambda: "")
    assert rows_of_the_map(app) - set(POLICY) == {"GET /api/v1/forgotten"}
