"""Conversations: listed, read, changed, removed; a stranger's is missing."""

from __future__ import annotations

from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, chunk, delta
from tests.web.conftest import (
    Person,
    SignUp,
    assert_error,
    bearer_client,
    conversation_of,
    fields_at_fault,
    rows,
)
from tests.web.event_stream import read
from tests.web.rounds import rounds

LIST = "/api/v1/conversations"
MESSAGE_KEYS = {
    "id", "parent_id", "turn_id", "generation_id", "role", "voice", "voice_name", "voice_colour", "is_merge",
    "content", "status", "finish_reason",
    "error_code", "model", "tokens_in", "tokens_out", "cost_usd", "citations", "created_at",
}  # fmt: skip


def spoken(api: FlaskClient, message: str = "Hi", **fields: object) -> str:
    """The name of a conversation in which `message` was answered."""
    answered = api.post("/api/v1/chat", json={"message": message, **fields}, buffered=False)
    read(answered)
    return answered.headers["X-Session-Id"]


def path_of(session_id: str, below: str = "") -> str:
    return f"{LIST}/{session_id}{below}"


def walked(api: FlaskClient, path: str, key: str) -> list[str]:
    """A list from end to end, in pages of two."""
    found, cursor = [], None
    while True:
        page = api.get(path, query_string={"limit": 2, **({"cursor": cursor} if cursor else {})}).get_json()
        assert set(page) == {"items", "next_cursor"}
        assert len(page["items"]) <= 2
        found += [each[key] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def test_nobody_has_conversations_to_begin_with(api: FlaskClient) -> None:
    assert api.get(LIST).get_json() == {"items": [], "next_cursor": None}


def test_a_conversation_has_the_shape_of_the_contract(api: FlaskClient) -> None:
    name = spoken(api, "  How  do\nbees sleep? ", model="gpt-4o-mini")
    found = api.get(path_of(name)).get_json()
    for moment in (found.pop("created_at"), found.pop("updated_at")):
        assert moment.endswith("Z")
        assert datetime.fromisoformat(moment).tzinfo is not None
    assert found == {
        "session_id": name,
        "title": "How do bees sleep?",
        "pinned": False,
        "archived": False,
        "model": "gpt-4o-mini",
        "voices": ["seeker"],
        "goes_on_from": None,
    }
    assert api.get(LIST).get_json()["items"][0]["session_id"] == name


def test_the_list_is_walked_newest_first_and_each_once(api: FlaskClient) -> None:
    names = [spoken(api, f"number {n}") for n in range(5)]
    assert walked(api, LIST, "session_id") == names[::-1]


def test_a_new_message_brings_a_conversation_to_the_top(api: FlaskClient) -> None:
    first, second = spoken(api), spoken(api)
    spoken(api, "again", sessionId=first)
    assert walked(api, LIST, "session_id") == [first, second]


def test_messages_are_walked_oldest_first_and_each_once(api: FlaskClient) -> None:
    name = spoken(api, "one")
    spoken(api, "two", sessionId=name)
    spoken(api, "three", sessionId=name)
    said = walked(api, path_of(name, "/messages"), "content")
    assert said == ["one", "Hello, world!", "two", "Hello, world!", "three", "Hello, world!"]


def test_messages_have_the_shape_of_the_contract(api: FlaskClient) -> None:
    name = spoken(api, model="gpt-4o-mini")
    question, reply = api.get(path_of(name, "/messages")).get_json()["items"]
    assert set(question) == set(reply) == MESSAGE_KEYS
    assert (question["role"], question["status"], question["voice"]) == ("user", "complete", None)
    assert question["parent_id"] is None
    assert reply["parent_id"] == question["id"]
    assert reply["turn_id"] == question["turn_id"]
    told = ("role", "voice", "content", "status", "finish_reason", "error_code", "model", "cost_usd")
    wanted = ["assistant", "seeker", "Hello, world!", "complete", "stop", None, "gpt-4o-mini", 0.00000975]
    assert [reply[key] for key in told] == wanted
    assert (reply["tokens_in"], reply["tokens_out"], reply["citations"]) == (5, 15, [])


def test_a_running_reply_is_listed_as_streaming(api: FlaskClient, upstream: ScriptedUpstream) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), End.HANG]]
    name = api.post("/api/v1/turns", json={"message": "Hi"}).get_json()["session_id"]
    reply = api.get(path_of(name, "/messages")).get_json()["items"][1]
    assert (reply["status"], reply["finish_reason"]) == ("streaming", None)


@pytest.mark.parametrize(
    "change", [{"title": "Bees"}, {"pinned": True}, {"archived": True}, {"title": "B", "pinned": True}, {}]
)
def test_a_change_changes_what_it_names_and_nothing_else(api: FlaskClient, change: dict[str, object]) -> None:
    name = spoken(api)
    before = api.get(path_of(name)).get_json()
    assert api.patch(path_of(name), json=change).get_json() == {**before, **change}
    assert api.get(path_of(name)).get_json() == {**before, **change}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": " \n"}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"title": None}, "title"),
        ({"title": "a\0"}, "title"),
        ({"pinned": "yes"}, "pinned"),
        ({"pinned": 1}, "pinned"),
        ({"archived": None}, "archived"),
        ({"session_id": "session-20250819-143022-a1b2"}, "session_id"),
        ({"user_id": "me"}, "user_id"),
    ],
)
def test_a_change_that_will_not_do_changes_nothing(
    api: FlaskClient, change: dict[str, object], field: str
) -> None:
    name = spoken(api)
    before = api.get(path_of(name)).get_json()
    assert fields_at_fault(api.patch(path_of(name), json={"pinned": True, **change})) == {field}
    assert api.get(path_of(name)).get_json() == before


def test_a_title_of_half_a_character_is_refused(api: FlaskClient) -> None:
    name = spoken(api)
    answered = api.patch(path_of(name), data='{"title":"\\ud800"}', content_type="application/json")
    assert fields_at_fault(answered) == {"title"}


def test_a_removed_conversation_leaves_nothing(app: Flask, api: FlaskClient) -> None:
    name = spoken(api)
    answered = api.delete(path_of(name))
    assert (answered.status_code, answered.get_data()) == (204, b"")
    assert_error(api.get(path_of(name)), 404)
    assert_error(api.delete(path_of(name)), 404)
    assert set(rows(app).values()) == {0}


def test_a_conversation_that_is_answering_is_not_removed(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), End.HANG]]
    name = api.post("/api/v1/turns", json={"message": "Hi"}).get_json()["session_id"]
    before = rows(app)
    assert_error(api.delete(path_of(name)), 409, "TURN_RUNNING")
    assert rows(app) == before


def test_a_stranger_s_conversation_is_missing(api: FlaskClient, strange_api: FlaskClient) -> None:
    name, missing = spoken(api), "session-20250819-143022-a1b2"
    before = api.get(path_of(name)).get_json()
    for method, below, body in (
        ("GET", "", None),
        ("GET", "/messages", None),
        ("PATCH", "", {"title": "Mine"}),
        ("DELETE", "", None),
    ):
        answers = [
            strange_api.open(path_of(each, below), method=method, json=body) for each in (name, missing)
        ]
        theirs, nobody_s = ({**assert_error(each, 404), "request_id": None} for each in answers)
        assert theirs == nobody_s
        assert name not in str(theirs)
    assert strange_api.get(LIST).get_json()["items"] == []
    assert api.get(path_of(name)).get_json() == before


@pytest.mark.parametrize("below", ["", "/session-20250819-143022-a1b2/messages"])
@pytest.mark.parametrize("limit", ["0", "-1", "101", "1.5", "ten", "", " 5", "٥", "9" * 5000, "1e1", "%00"])
def test_a_limit_that_is_none_is_refused(standing_api: FlaskClient, below: str, limit: str) -> None:
    assert fields_at_fault(standing_api.get(f"{LIST}{below}?limit={limit}")) == {"limit"}


@pytest.mark.parametrize("limit", [1, 100])
def test_the_bounds_of_limit_are_taken(standing_api: FlaskClient, limit: int) -> None:
    assert standing_api.get(LIST, query_string={"limit": limit}).status_code == 200


NAME = "session-20250819-143022-a1b2"
CURSORS = [
    "x",
    "💥",
    "1795261753688123",
    NAME,
    f"yesterday-{NAME}",
    f"-1-{NAME}",
    f"1795261753688123-{NAME} ",
    f"1795261753688123-{NAME}\n",
    f"17952617536881230-{NAME}",  # one digit more than a time of this age has
    f"1e3-{NAME}",
    f"١٧٩٥-{NAME}",
    "1795261753688123-session-1",
    "1795261753688123-a\0b",
    "A" * 5000,
]


@pytest.mark.parametrize("moment", ["0", "1", "9" * 16])
def test_a_cursor_of_any_time_is_a_place(standing_api: FlaskClient, moment: str) -> None:
    """The description says what a cursor looks like; whatever looks like one is taken."""
    assert standing_api.get(LIST, query_string={"cursor": f"{moment}-{NAME}"}).status_code == 200


@pytest.mark.parametrize("cursor", CURSORS, ids=range(len(CURSORS)))
def test_a_cursor_that_was_never_given_out_is_refused(standing_api: FlaskClient, cursor: str) -> None:
    assert fields_at_fault(standing_api.get(LIST, query_string={"cursor": cursor})) == {"cursor"}


@pytest.mark.parametrize("cursor", ["a b", "a-b", "'", "%00", "0" * 33, "0" * 31, "G" * 32, "é", "a\0"])
def test_a_message_cursor_that_was_never_given_out_is_refused(standing_api: FlaskClient, cursor: str) -> None:
    url = f"{LIST}/session-20250819-143022-a1b2/messages"
    assert fields_at_fault(standing_api.get(url, query_string={"cursor": cursor})) == {"cursor"}


def test_hostile_cursors_are_refused_on_either_database(app_on_either: Flask, sign_up: SignUp) -> None:
    api = bearer_client(app_on_either, sign_up(app_on_either))
    for cursor in CURSORS:
        assert fields_at_fault(api.get(LIST, query_string={"cursor": cursor})) == {"cursor"}


def test_lists_are_walked_on_either_database(app_on_either: Flask, sign_up: SignUp) -> None:
    api = bearer_client(app_on_either, sign_up(app_on_either))
    names = [spoken(api, f"number {n}") for n in range(3)]
    spoken(api, "more", sessionId=names[2])
    assert walked(api, LIST, "session_id") == names[::-1]
    said = walked(api, path_of(names[2], "/messages"), "content")
    assert said == ["number 2", "Hello, world!", "more", "Hello, world!"]


def test_a_page_of_long_messages_lets_others_have_their_turn(app: Flask, person: Person) -> None:
    replies = ["слово и ещё одно " * 1000] * 100
    path = path_of(conversation_of(app, person, replies), "/messages?limit=100")
    api = bearer_client(app, person)
    api.get(LIST)
    with rounds() as counted:
        page = api.get(path)
        assert counted.count > 2
    assert [each["content"] for each in page.get_json()["items"]] == replies
    assert page.get_data().endswith(b"}\n") and page.mimetype == "application/json"
