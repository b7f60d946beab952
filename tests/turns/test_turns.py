"""Turns from a message to a saved answer, on both databases, with an upstream that does to the byte as told.

Each fault compares three things: what upstream sent, what the client put together, what is saved.
"""

from __future__ import annotations

from pathlib import Path

import gevent
import pytest
from gevent.event import Event

from chatapp.errors import NotFound, Unavailable
from chatapp.turns.continued import TurnRunning
from chatapp.turns.ending import STOPPED
from chatapp.turns.start import MessageIdReused
from tests.scripted_upstream import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    End,
    ScriptedUpstream,
    Step,
    answer,
    chunk,
    delta,
    refuse,
    usage,
)
from tests.turns.house import house, until

HEAD_AND_A: list[Step] = [STREAM_HEAD, chunk(delta("a"))]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_message_is_answered_streamed_and_saved(database_url: str, data: Path) -> None:
    with (
        ScriptedUpstream(answer("Hel", "lo", " wörld 🌍")) as upstream,
        house(database_url, data, upstream.base_url) as here,
    ):
        turn, client = here.say("Hi")
        assert client.text() == "Hello wörld 🌍"
        assert client.names() == ["token", "token", "token", "usage", "done"]
        assert client.frames[-1].data == '{"finish_reason":"stop"}'
        reply = here.replies(turn.session_id)[0]
        assert reply.content == client.text()
        assert (reply.status, reply.finish_reason, reply.error_code) == ("complete", "stop", None)
        assert (reply.tokens_in, reply.tokens_out, reply.cost_usd) == (5, 15, None)
        assert client.frames[-2].json() == {"tokens_in": 5, "tokens_out": 15, "cost_usd": None, "model": "m"}
        sent = upstream.requests[0].json()
        assert [message["role"] for message in sent["messages"]] == ["system", "user"]
        assert sent["messages"][1]["content"] == "Hi"


def test_the_message_is_committed_before_upstream_is_called(database_url: str, data: Path) -> None:
    with ScriptedUpstream(answer("a")) as upstream, house(database_url, data, upstream.base_url) as here:
        committed, _ = here.begin("Hi")
        rows = here.conversations.messages(here.account().id, committed.session_id, 10)
        assert [(row.role, row.content, row.status) for row in rows] == [
            ("user", "Hi", None),
            ("assistant", "", "streaming"),
        ]
        assert rows[1].parent_id == rows[0].id
        assert not upstream.wait_for_requests(1, 0.05)


def test_done_leaves_when_the_conversation_is_free(database_url: str, data: Path) -> None:
    with ScriptedUpstream(answer("a")) as upstream, house(database_url, data, upstream.base_url) as here:
        turn, _ = here.say()
        for _ in range(5):
            _, client = here.say("More", session_id=turn.session_id)
            assert client.text() == "a"
        assert len(here.replies(turn.session_id)) == 6
        assert len({reply.parent_id for reply in here.replies(turn.session_id)}) == 6


def test_history_is_the_last_messages_of_the_branch(database_url: str, data: Path) -> None:
    with (
        ScriptedUpstream(answer("answer")) as upstream,
        house(database_url, data, upstream.base_url, CHATAPP_HISTORY_MESSAGES="3") as here,
    ):
        session_id = here.say("one")[0].session_id
        here.say("two", session_id=session_id)
        here.say("three", session_id=session_id)
        sent = [each["content"] for each in upstream.requests[-1].json()["messages"][1:]]
        assert sent == ["answer", "two", "answer", "three"]


def test_a_conversation_answers_one_message_at_a_time(database_url: str, data: Path) -> None:
    go = Event()
    with (
        ScriptedUpstream([*HEAD_AND_A, go, End.CLOSE]) as upstream,
        house(database_url, data, upstream.base_url) as here,
    ):
        turn = here.start()
        with pytest.raises(TurnRunning):
            here.begin("Again", session_id=turn.session_id)
        rows = here.conversations.messages(here.account().id, turn.session_id, 10)
        assert len(rows) == 2, "nothing half-written stays"
        go.set()
        here.read(turn)


def test_somebody_else_s_conversation_is_missing(database_url: str, data: Path) -> None:
    with ScriptedUpstream(answer("a")) as upstream, house(database_url, data, upstream.base_url) as here:
        turn, _ = here.say()
        other = here.accounts.create("b@example.org", "long enough")
        with pytest.raises(NotFound):
            here.begin("Mine?", session_id=turn.session_id, user_id=other.id)
        with pytest.raises(NotFound):
            here.answering.turns.follow(other.id, turn.id)
        with pytest.raises(NotFound):
            here.answering.turns.stop(other.id, turn.id)


def test_the_same_message_id_continues_the_same_turn(database_url: str, data: Path) -> None:
    with ScriptedUpstream(answer("a", "b")) as upstream, house(database_url, data, upstream.base_url) as here:
        first, client = here.say("Hi", client_message_id="one")
        committed, again = here.begin("Hi", client_message_id="one")
        assert (committed.id, committed.is_repeated) == (first.id, True)
        assert here.read(again).text() == client.text()
        assert here.begin("Hi", client_message_id="one", session_id=first.session_id)[0].id == first.id
        with pytest.raises(MessageIdReused):
            here.begin("Other", client_message_id="one")
        assert len(upstream.requests) == 1


def test_many_at_once_with_one_message_id_make_one_turn(database_url: str, data: Path) -> None:
    with ScriptedUpstream(answer("a")) as upstream, house(database_url, data, upstream.base_url) as here:
        here.account()

        def post(_: int) -> str:
            committed, turn = here.begin("Hi", client_message_id="one")
            if not committed.is_repeated:
                turn.start()
            return here.read(turn).text()

        greenlets = [gevent.spawn(post, number) for number in range(10)]
        gevent.joinall(greenlets, raise_error=True)
        assert [greenlet.value for greenlet in greenlets] == ["a"] * 10
        assert len(upstream.requests) == 1


FAULTS: dict[str, tuple[list[Step], str, str, str]] = {
    "refused before anything": ([*refuse(429, "slow down")], "", "error", "RATE_LIMIT"),
    "broken": ([*refuse(500, "oops")], "", "error", "SERVER_ERROR"),
    "key refused": ([*refuse(401, "bad key")], "", "error", "UPSTREAM_AUTH"),
    "reset before the head": ([End.RESET], "", "error", "SERVER_ERROR"),
    "closed before any text": ([STREAM_HEAD, End.CLOSE], "", "error", "UPSTREAM_INTERRUPTED"),
    "closed in mid-answer": ([*HEAD_AND_A, End.CLOSE], "a", "partial", "UPSTREAM_INTERRUPTED"),
    "reset in mid-answer": ([*HEAD_AND_A, 0.05, End.RESET], "a", "partial", "UPSTREAM_INTERRUPTED"),
    "closed in mid-event": (
        [*HEAD_AND_A, chunk(delta("b")[:9]), End.CLOSE],
        "a",
        "partial",
        "UPSTREAM_INTERRUPTED",
    ),
    "ended without a finish": ([*HEAD_AND_A, LAST_CHUNK], "a", "partial", "UPSTREAM_INTERRUPTED"),
    "an error object in mid-stream": (
        [*HEAD_AND_A, chunk(b'data: {"error":{"message":"boom sk-secret"}}\n\n'), LAST_CHUNK],
        "a",
        "partial",
        "SERVER_ERROR",
    ),
    "garbage": ([*HEAD_AND_A, chunk(b"data: {nonsense\n\n"), LAST_CHUNK], "a", "partial", "SERVER_ERROR"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_one_sentence_and_what_arrived_is_kept(
    fault: str, database_url: str, data: Path
) -> None:
    script, sent, status, code = FAULTS[fault]
    with ScriptedUpstream(script) as upstream, house(database_url, data, upstream.base_url) as here:
        turn, client = here.say()
        reply = here.replies(turn.session_id)[0]
        assert client.text() == reply.content == sent
        assert (reply.status, reply.finish_reason, reply.error_code) == (status, "error", code)
        told = next(frame.json() for frame in client.frames if frame.name == "failure")
        assert told["code"] == code
        assert told["request_id"] == "req_12345678"
        assert "sk-" not in told["message"]
        assert reply.error_message == told["message"]
        assert client.names()[-2:] == ["failure", "done"]
        assert client.frames[-1].data == '{"finish_reason":"error"}'
        assert ("usage" in client.names()) is bool(sent), "usage is absent when nothing was produced"
        assert here.answering.turns.follow(here.account().id, turn.id).log.closed


def test_the_client_s_own_retries_are_counted(database_url: str, data: Path) -> None:
    with (
        ScriptedUpstream(refuse(500, "one"), refuse(503, "two"), answer("a")) as upstream,
        house(database_url, data, upstream.base_url) as here,
    ):
        turn, client = here.say()
        assert client.text() == "a"
        assert here.generation(turn).provider_retry_count == 2


@pytest.mark.parametrize(
    ("script", "sent", "status"),
    [
        ([End.HANG], "", "error"),
        ([STREAM_HEAD, End.HANG], "", "error"),
        ([*HEAD_AND_A, End.HANG], "a", "partial"),
    ],
    ids=["no head", "no token", "silence"],
)
def test_patience_ends(script: list[Step], sent: str, status: str, database_url: str, data: Path) -> None:
    with (
        ScriptedUpstream(script) as upstream,
        house(
            database_url, data, upstream.base_url, CHATAPP_FIRST_TOKEN_S="0.3", CHATAPP_SILENCE_S="0.3"
        ) as here,
    ):
        turn, client = here.say()
        reply = here.replies(turn.session_id)[0]
        assert client.text() == reply.content == sent
        assert (reply.status, reply.error_code) == (status, "OPENAI_TIMEOUT")
        assert upstream.requests[0].hung_up.wait(2), "upstream is hung up on"
        assert len(upstream.requests) == 1


def test_an_answer_whose_end_is_held_back_is_whole(database_url: str, data: Path) -> None:
    script = [*HEAD_AND_A, chunk(delta("", "stop")), End.HANG]
    with ScriptedUpstream(script) as upstream, house(database_url, data, upstream.base_url) as here:
        turn, client = here.say()
        assert client.names() == ["token", "usage", "done"]
        assert client.frames[1].json()["tokens_out"] is None
        assert here.replies(turn.session_id)[0].status == "complete"


def test_stopping_closes_upstream_and_keeps_what_arrived(database_url: str, data: Path) -> None:
    with (
        ScriptedUpstream([*HEAD_AND_A, End.HANG]) as upstream,
        house(database_url, data, upstream.base_url) as here,
    ):
        turn = here.start()
        until(lambda: turn.log.end == 1)
        here.answering.turns.stop(here.account().id, turn.id)
        here.answering.turns.stop(here.account().id, turn.id)
        client = here.read(turn)
        assert upstream.requests[0].hung_up.wait(1)
        reply = here.replies(turn.session_id)[0]
        assert client.text() == reply.content == "a"
        assert (reply.status, reply.finish_reason) == ("cancelled", "cancelled")
        assert client.frames[-1].data == '{"finish_reason":"cancelled"}'
        here.answering.turns.stop(here.account().id, turn.id)
        assert here.replies(turn.session_id)[0].status == "cancelled"


def test_stopping_before_the_start_never_calls_upstream(database_url: str, data: Path) -> None:
    with ScriptedUpstream(answer("a")) as upstream, house(database_url, data, upstream.base_url) as here:
        _, turn = here.begin()
        turn.stop(STOPPED)  # type: ignore[attr-defined]
        client = here.read(turn)
        assert client.names() == ["done"]
        assert client.frames[0].json() == {"finish_reason": "cancelled"}
        assert upstream.requests == []


def test_stopping_while_upstream_has_not_answered(database_url: str, data: Path) -> None:
    with ScriptedUpstream([End.HANG]) as upstream, house(database_url, data, upstream.base_url) as here:
        turn = here.start()
        assert upstream.wait_for_requests(1)
        turn.stop(STOPPED)
        assert here.read(turn).names() == ["done"]
        assert upstream.requests[0].hung_up.wait(1)


@pytest.mark.parametrize("pause", range(8))
def test_a_stop_that_races_the_end_ends_well(pause: int, sqlite_url: str, data: Path) -> None:
    with (
        ScriptedUpstream(answer(*"abcdefgh")) as upstream,
        house(sqlite_url, data, upstream.base_url) as here,
    ):
        turn = here.start()
        until(lambda: turn.log.end >= pause)
        turn.stop(STOPPED)
        client = here.read(turn)
        reply = here.replies(turn.session_id)[0]
        assert reply.content == client.text() == "abcdefgh"[: len(client.text())]
        assert reply.status in ("complete", "cancelled")
        assert client.names().count("done") == 1


def test_the_last_bound_connection_that_leaves_cancels(database_url: str, data: Path) -> None:
    with (
        ScriptedUpstream([*HEAD_AND_A, End.HANG]) as upstream,
        house(database_url, data, upstream.base_url) as here,
    ):
        turn = here.start(bound=True)
        turn.join()
        turn.join()
        until(lambda: turn.log.end == 1)
        turn.leave()
        gevent.sleep(0.05)
        assert not turn.log.closed
        turn.leave()
        assert upstream.requests[0].hung_up.wait(1)
        until(lambda: turn.log.closed)
        reply = here.replies(turn.session_id)[0]
        assert (reply.content, reply.status, reply.finish_reason) == ("a", "partial", "cancelled")


def test_a_turn_that_nobody_listens_to_is_ended(database_url: str, data: Path) -> None:
    with (
        ScriptedUpstream([*HEAD_AND_A, End.HANG]) as upstream,
        house(database_url, data, upstream.base_url, CHATAPP_ABANDON_S="0.3") as here,
    ):
        turn = here.start()
        listening = here.subscriber(turn)
        frames = listening.frames()
        next(frames)
        gevent.sleep(0.8)
        assert not turn.log.closed, "somebody listens"
        frames.close()
        until(lambda: turn.log.closed)
        assert here.replies(turn.session_id)[0].status == "cancelled"


def test_a_flood_is_cut_at_the_bound_on_output(sqlite_url: str, data: Path) -> None:
    flood: list[Step] = [STREAM_HEAD, *[chunk(delta("x" * 1000))] * 100, End.HANG]
    with (
        ScriptedUpstream(flood) as upstream,
        house(sqlite_url, data, upstream.base_url, CHATAPP_MAX_OUTPUT_TOKENS="100") as here,
    ):
        turn, client = here.say()
        assert client.frames[-1].json() == {"finish_reason": "length"}
        assert len(client.text()) == 3200
        assert here.replies(turn.session_id)[0].content == client.text()


def test_nul_never_reaches_the_log_or_the_database(database_url: str, data: Path) -> None:
    with ScriptedUpstream(answer("a\0b")) as upstream, house(database_url, data, upstream.base_url) as here:
        turn, client = here.say()
        assert client.text() == here.replies(turn.session_id)[0].content == "a\ufffdb"


def test_resuming_from_every_boundary_is_exactly_once(sqlite_url: str, data: Path) -> None:
    with ScriptedUpstream(answer(*"abcdef")) as upstream, house(sqlite_url, data, upstream.base_url) as here:
        turn, whole = here.say()
        log_id = turn.log.id
        for seq in range(turn.log.end):
            rest = here.read(turn, f"{log_id}-{seq}")
            assert rest.frames == whole.frames[seq:]


def test_a_draining_process_takes_no_new_turns(sqlite_url: str, data: Path) -> None:
    with ScriptedUpstream(answer("a")) as upstream, house(sqlite_url, data, upstream.base_url) as here:
        here.answering.drain()
        with pytest.raises(Unavailable):
            here.begin()


def test_usage_that_comes_with_the_last_delta_is_told(sqlite_url: str, data: Path) -> None:
    script = [*HEAD_AND_A, chunk(delta("", "length") + usage(1, 2) + DONE), LAST_CHUNK]
    with ScriptedUpstream(script) as upstream, house(sqlite_url, data, upstream.base_url) as here:
        turn, client = here.say()
        assert client.frames[-1].json() == {"finish_reason": "length"}
        assert here.generation(turn).tokens_out == 2
