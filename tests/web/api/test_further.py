"""Further replies over the API: one voice again, a merge, what to go on from; and a turn with what it used."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from gevent.event import Event
from sqlalchemy import insert, select

from chatapp.store.conversation import Generation, Message, Turn
from chatapp.store.identifier import new_id
from chatapp.turns.question import MOST_REPLIES
from tests.scripted_upstream import STREAM_HEAD, answer, chunk, delta, refuse
from tests.web.conftest import assert_error, fields_at_fault, parts_of, rows
from tests.web.event_stream import Frame, LiveStream, read, text_of, until
from tests.web.several import CUT, HANGING, REFUSED, VOICES, Choir, choir

__all__ = ["choir"]
MISSING = "0" * 32


def again(choir: Choir, voice: str, **headers: str) -> Any:
    return choir.api.post(f"/api/v1/generations/{choir.generation(voice)}/again", headers=headers)


def merge(choir: Choir, turn_id: str, **values: Any) -> Any:
    return choir.api.post(f"/api/v1/turns/{turn_id}/merge", **values)


# Again


def test_a_voice_is_asked_again_and_its_turn_is_told(choir: Choir) -> None:
    choir.asked(explorer=CUT)
    answered = again(choir, "explorer")
    assert answered.status_code == 202
    turn = answered.get_json()
    assert set(turn) == {"turn_id", "session_id", "generations", "stream_url"}
    assert [each["voice"] for each in turn["generations"]] == ["explorer"]
    assert text_of(read(choir.api.get(turn["stream_url"]))) == "explorer says so"
    assert [each["content"] for each in choir.replies("explorer")] == ["cut", "explorer says so"]


def test_it_asks_once_or_once_for_each_key(choir: Choir) -> None:
    choir.asked(explorer=CUT)
    path = f"/api/v1/generations/{choir.generation('explorer')}/again"

    def turn_of(key: str | None) -> str:
        told = choir.api.post(path, headers={"Idempotency-Key": key} if key else {}).get_json()
        choir.rest()
        found: str = told["turn_id"]
        return found

    first = turn_of(None)
    assert turn_of(None) == first
    keyed = turn_of("k1")
    assert keyed != first
    assert turn_of("k1") == keyed
    assert len(choir.replies("explorer")) == 3
    reused = choir.api.post(
        f"/api/v1/generations/{choir.generation('seeker')}/again", headers={"Idempotency-Key": "k1"}
    )
    assert_error(reused, 409, "MESSAGE_ID_REUSED")


@pytest.mark.parametrize("what", ["again", "merge"])
def test_no_name_of_a_clients_own_is_in_its_way(choir: Choir, what: str) -> None:
    turn = choir.asked()
    path = f"/api/v1/generations/{choir.generation('seeker')}/again"
    if what == "merge":
        path = f"/api/v1/turns/{turn['turn_id']}/merge"
    started = choir.api.post(path).get_json()
    choir.rest()
    with parts_of(choir.app).database.read() as connection:
        name = connection.scalar(select(Turn.client_message_id).where(Turn.id == started["turn_id"]))
    assert name
    body = {"message": "Mine", "clientMessageId": name}
    assert fields_at_fault(choir.api.post("/api/v1/turns", json=body)) == {"clientMessageId"}
    headers = {"Idempotency-Key": name}
    assert fields_at_fault(choir.api.post("/api/v1/turns", json={"message": "Mine"}, headers=headers)) == {
        "Idempotency-Key"
    }


def test_what_again_refuses(choir: Choir, strange_api: FlaskClient) -> None:
    choir.asked()
    early = choir.generation("seeker")
    before = rows(choir.app)
    assert_error(choir.api.post(f"/api/v1/generations/{MISSING}/again"), 404)
    assert_error(strange_api.post(f"/api/v1/generations/{early}/again"), 404)
    assert rows(choir.app) == before
    turn = choir.ask("seeker", "explorer", explorer=HANGING)
    assert_error(again(choir, "seeker"), 409, "TURN_RUNNING")
    choir.api.post(f"/api/v1/turns/{turn['turn_id']}/cancel")
    choir.rest()
    assert_error(choir.api.post(f"/api/v1/generations/{early}/again"), 409, "QUESTION_PASSED")


def test_there_is_an_end_to_the_replies_of_a_message(choir: Choir) -> None:
    """All are read with each page, and with each message that follows."""
    turn = choir.asked("seeker", "explorer")
    one = choir.replies("seeker")[-1]
    fill(choir, one, MOST_REPLIES - 3)
    path = f"/api/v1/generations/{one['generation_id']}/again"
    assert choir.api.post(path, headers={"Idempotency-Key": "one"}).status_code == 202
    choir.rest()
    before = rows(choir.app)
    assert_error(choir.api.post(path, headers={"Idempotency-Key": "two"}), 409, "TOO_MANY_REPLIES")
    assert_error(merge(choir, turn["turn_id"]), 409, "TOO_MANY_REPLIES")
    assert rows(choir.app) == before
    of_next = choir.asked("seeker")["generations"][0]["id"]
    assert choir.api.post(f"/api/v1/generations/{of_next}/again").status_code == 202


def fill(choir: Choir, one: dict[str, Any], count: int) -> None:
    """As if that reply had been tried so often."""
    of_turn = {"turn_id": one["turn_id"]}
    generation = {
        **of_turn,
        "voice": one["voice"],
        "model": "m",
        "status": "complete",
        "finish_reason": "stop",
    }
    message = {**of_turn, "session_id": choir.session_id, "parent_id": one["parent_id"], "role": "assistant"}
    tries = [(new_id(), new_id()) for _ in range(count)]
    with parts_of(choir.app).database.write() as connection:
        connection.execute(insert(Generation), [{**generation, "id": each} for each, _ in tries])
        connection.execute(
            insert(Message),
            [{**message, "id": own, "generation_id": each, "content": "tried"} for each, own in tries],
        )


# Merge


def test_a_merge_by_the_default_voice_and_by_another(choir: Choir) -> None:
    turn = choir.asked()
    first = merge(choir, turn["turn_id"])
    choir.rest()
    second = merge(choir, turn["turn_id"], json={"voice": "analyzer"})
    choir.rest()
    assert (first.status_code, second.status_code) == (202, 202)
    assert [each["generations"][0]["voice"] for each in (first.get_json(), second.get_json())] == [
        "seeker",
        "analyzer",
    ]
    assert [each["is_merge"] for each in choir.merges] == [True, True]
    assert choir.goes_on_from == choir.merges[-1]["id"]


def test_a_merge_is_made_once_or_anew_of_its_own_turn(choir: Choir) -> None:
    turn_id = choir.asked()["turn_id"]
    told: list[str] = []
    for named in (turn_id, turn_id, None, None):
        told.append(merge(choir, named or told[0]).get_json()["turn_id"])
        choir.rest()
    assert [told.index(each) for each in told] == [0, 0, 2, 2]
    assert len(choir.merges) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [({"voice": "nobody"}, "voice"), ({"voice": 7}, "voice"), ({"voice": "A B"}, "voice"), ({"x": 1}, "x")],
)
def test_a_body_that_is_wrong_names_its_field(choir: Choir, body: Any, field: str) -> None:
    turn = choir.asked()
    assert fields_at_fault(merge(choir, turn["turn_id"], json=body)) == {field}
    assert not choir.merges


def test_what_a_merge_refuses(choir: Choir, strange_api: FlaskClient) -> None:
    turn = choir.asked("seeker", "explorer", explorer=REFUSED)
    before = rows(choir.app)
    assert_error(merge(choir, turn["turn_id"]), 409, "NOTHING_TO_MERGE")
    assert_error(merge(choir, MISSING), 404)
    assert_error(strange_api.post(f"/api/v1/turns/{turn['turn_id']}/merge"), 404)
    assert_error(merge(choir, turn["turn_id"], data="voice=seeker", content_type="text/plain"), 415)
    assert rows(choir.app) == before
    choir.asked()
    assert_error(merge(choir, turn["turn_id"]), 409, "QUESTION_PASSED")


# What it goes on from


def patched(choir: Choir, value: Any) -> Any:
    return choir.api.patch(f"/api/v1/conversations/{choir.session_id}", json={"goes_on_from": value})


def test_a_reply_is_chosen_and_the_choice_taken_back(choir: Choir) -> None:
    choir.asked()
    reply = choir.replies("explorer")[-1]["id"]
    for value in (reply, reply, None):
        answered = patched(choir, value)
        assert (answered.status_code, answered.get_json()["goes_on_from"]) == (200, value)
    assert choir.goes_on_from is None


def test_anything_else_is_refused_and_nothing_of_it_changed(choir: Choir, strange_api: FlaskClient) -> None:
    choir.asked()
    passed = choir.replies("explorer")[-1]["id"]
    choir.asked(explorer=REFUSED)
    chosen = choir.replies("seeker")[-1]["id"]
    patched(choir, chosen)
    question, empty = choir.replies("seeker")[-1]["parent_id"], choir.replies("explorer")[-1]["id"]
    for wrong in (passed, question, empty, MISSING, "x", "", 7, True, [chosen]):
        assert fields_at_fault(patched(choir, wrong)) == {"goes_on_from"}, wrong
    both = choir.api.patch(
        f"/api/v1/conversations/{choir.session_id}", json={"title": "New", "goes_on_from": passed}
    )
    assert fields_at_fault(both) == {"goes_on_from"}
    found = choir.api.get(f"/api/v1/conversations/{choir.session_id}").get_json()
    assert (found["goes_on_from"], found["title"]) == (chosen, "Why?")
    stranger = strange_api.patch(f"/api/v1/conversations/{choir.session_id}", json={"goes_on_from": chosen})
    assert_error(stranger, 404)


def test_of_a_voice_that_was_tried_again_the_newest_counts(choir: Choir) -> None:
    choir.asked(explorer=CUT)
    again(choir, "explorer")
    choir.rest()
    first, second = (each["id"] for each in choir.replies("explorer"))
    assert fields_at_fault(patched(choir, first)) == {"goes_on_from"}
    assert patched(choir, second).status_code == 200


# A turn


def test_a_turn_tells_its_generations_and_what_they_used(choir: Choir) -> None:
    turn = choir.asked()
    told = choir.api.get(f"/api/v1/turns/{turn['turn_id']}").get_json()
    one = choir.api.get(f"/api/v1/generations/{turn['generations'][1]['id']}").get_json()
    assert told["generations"][1] == {**one, "voice_name": "Explorer"}
    assert [each["voice"] for each in told.pop("generations")] == list(VOICES)
    assert told == {
        "turn_id": turn["turn_id"],
        "session_id": choir.session_id,
        "status": "ended",
        "finish_reason": "stop",
        "usage": {"tokens_in": 15, "tokens_out": 45, "cost_usd": None},
    }


def test_a_turn_with_known_prices_tells_what_it_cost(choir: Choir) -> None:
    body = {"message": "Why?", "voices": ["seeker", "explorer"], "model": "gpt-4o-mini"}
    turn = choir.api.post("/api/v1/turns", json=body).get_json()
    choir.rest()
    told = choir.api.get(f"/api/v1/turns/{turn['turn_id']}").get_json()
    assert told["usage"] == {"tokens_in": 10, "tokens_out": 30, "cost_usd": pytest.approx(0.0000195)}


def test_a_turn_of_which_something_is_not_known_yet_or_ever(choir: Choir) -> None:
    turn = choir.ask("seeker", "explorer", explorer=HANGING)
    path = f"/api/v1/turns/{turn['turn_id']}"
    assert until(lambda: choir.replies("seeker")[-1]["status"] == "complete")
    told = choir.api.get(path).get_json()
    assert (told["status"], told["finish_reason"], set(told["usage"].values())) == ("running", None, {None})
    choir.api.post(f"{path}/cancel")
    choir.rest()
    told = choir.api.get(path).get_json()
    assert (told["status"], told["finish_reason"], set(told["usage"].values())) == ("ended", "stop", {None})


def test_a_turn_is_its_owner_s(choir: Choir, strange_api: FlaskClient) -> None:
    turn = choir.asked()
    assert_error(strange_api.get(f"/api/v1/turns/{turn['turn_id']}"), 404)
    assert_error(choir.api.get(f"/api/v1/turns/{MISSING}"), 404)


# A voice by its name


def stream_of(choir: Choir, voice: str) -> str:
    return f"/api/sessions/{choir.session_id}/stream/{voice}"


def test_every_voice_is_followed_by_its_name_though_one_was_asked_again(choir: Choir) -> None:
    turn = choir.asked(explorer=CUT)
    choir.says({"explorer": answer("better")})
    again(choir, "explorer")
    choir.rest()
    merge(choir, turn["turn_id"])
    choir.rest()
    for voice, text in (
        ("seeker", "seeker says so"),
        ("explorer", "better"),
        ("maintainer", "maintainer says so"),
    ):
        assert whole_text(read(choir.api.get(stream_of(choir, voice))), voice) == text
    assert_error(choir.api.get(stream_of(choir, "analyzer")), 404)


def test_a_merge_is_no_reply_of_its_voice(choir: Choir) -> None:
    turn = choir.asked("explorer", "maintainer")
    merge(choir, turn["turn_id"])
    choir.rest()
    assert_error(choir.api.get(stream_of(choir, "seeker")), 404)


def whole_text(frames: list[Frame], voice: str) -> str:
    """What was put together of that voice: a snapshot begins anew."""
    text = ""
    for each in frames:
        if each.event == "snapshot":
            text = "".join(one["text"] for one in each.data["generations"] if one["voice"] == voice)
        elif each.event == "token":
            text += each.data["text"]
    return text


# Apart from each other


FIVE = ("seeker", "explorer", "maintainer", "analyzer", "developer")


def test_what_happens_to_a_voice_touches_no_other(choir: Choir) -> None:
    """One is stopped from elsewhere, one refused for its rate, one fails, one breaks off; one is slow, and whole."""
    go = Event()
    turn = choir.ask(
        *FIVE,
        seeker=[STREAM_HEAD, chunk(delta("slow ")), go, *answer("but whole")[1:]],
        explorer=[STREAM_HEAD, chunk(delta("stopped ")), go, *answer("too late")[1:]],
        maintainer=refuse(429, "too many"),
        analyzer=refuse(500, "no"),
        developer=CUT,
    )
    stream = LiveStream(choir.api.get(turn["stream_url"], buffered=False))
    stream.read_until("slow ")
    assert until(lambda: choir.replies("explorer")[-1]["content"] == "stopped ")
    stopped = choir.api.post(f"/api/v1/generations/{choir.generation('explorer')}/cancel")
    assert stopped.status_code == 200
    assert until(lambda: choir.replies("explorer")[-1]["status"] == "cancelled")
    go.set()
    frames = stream.read_to_the_end()
    expected = {
        "seeker": ("slow but whole", "complete", "stop"),
        "explorer": ("stopped ", "cancelled", "cancelled"),
        "maintainer": ("", "error", "error"),
        "analyzer": ("", "error", "error"),
        "developer": ("cut", "partial", "error"),
    }
    for voice, (text, status, reason) in expected.items():
        (saved,) = choir.replies(voice)
        assert (saved["content"], saved["status"], saved["finish_reason"]) == (text, status, reason)
        own = [each for each in frames if each.data and each.data.get("voice") == voice]
        assert "".join(each.data["text"] for each in own if each.event == "token") == text
        assert [each.data["finish_reason"] for each in own if each.event == "voice_done"] == [reason]
    assert frames[-1].data == {"finish_reason": "stop"}
