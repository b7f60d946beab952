"""What becomes of turns whose process is gone, and of readers who ask another process for them."""

from __future__ import annotations

from pathlib import Path

import gevent
from sqlalchemy import select, update

from chatapp.store.conversation import Message, Turn
from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.position import Position
from chatapp.turns.running_turn import RunningTurn
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, Step, answer, chunk, delta
from tests.turns.house import House, house, until

HEAD_AND_A: list[Step] = [STREAM_HEAD, chunk(delta("a"))]


def _given_up(here: House, turn: RunningTurn, text: str) -> None:
    """Makes the turn look as if a process that is gone had answered it, and saved `text`."""
    with here.database.write() as connection:
        connection.execute(update(Turn).where(Turn.id == turn.id).values(owner_id="0" * 32))
        message = turn.generations[0].message_id
        connection.execute(update(Message).where(Message.id == message).values(content=text))


def test_a_turn_of_a_dead_process_ends_before_the_next_one_answers(database_url: str, tmp_path: Path) -> None:
    with ScriptedUpstream([*HEAD_AND_A, End.HANG], answer("b")) as upstream:
        with house(database_url, tmp_path / "one", upstream.base_url) as dead:
            turn = dead.start()
            until(lambda: turn.log.end == 1)
            _given_up(dead, turn, "a")
            with house(database_url, tmp_path / "two", upstream.base_url) as here:
                reply = here.replies(turn.session_id)[0]
                assert (reply.content, reply.status, reply.finish_reason, reply.error_code) == (
                    "a",
                    "interrupted",
                    "error",
                    "INTERRUPTED",
                )
                assert here.generation(turn).ended_at is not None
                client = here.read(here.follow(turn.id))
                assert client.names() == ["snapshot", "usage", "failure", "done"]
                assert client.text() == "a"
                assert client.frames[-1].json() == {"finish_reason": "error"}
                assert client.frames[2].json()["code"] == "INTERRUPTED"
                again = here.read(here.follow(turn.id), str(Position(turn.log.id, 1)))
                assert again.names() == client.names(), (
                    "a place in the log that is gone is told by a snapshot"
                )
                finished = Position.parse(client.last_id)
                assert here.follow(turn.id).log.finished_at(finished, EVENTS)
                assert here.say("next", session_id=turn.session_id)[1].text() == "b"


def test_a_process_that_was_given_up_ends_nothing_any_more(database_url: str, tmp_path: Path) -> None:
    """The one that was slow comes back: its own end must not overwrite what was told meanwhile."""
    with ScriptedUpstream([*HEAD_AND_A, End.HANG]) as upstream:
        with house(database_url, tmp_path / "one", upstream.base_url) as slow:
            turn = slow.start()
            until(lambda: turn.log.end == 1)
            _given_up(slow, turn, "a")
            with house(database_url, tmp_path / "two", upstream.base_url) as here:
                slow.answering.turns.stop(slow.account().id, turn.id)
                client = slow.read(turn)
                assert client.names()[-4:] == ["snapshot", "usage", "failure", "done"]
                assert client.frames[-2].json()["code"] == "INTERRUPTED"
                assert client.frames[-1].json() == {"finish_reason": "error"}
                assert here.replies(turn.session_id)[0].status == "interrupted"


def test_a_turn_that_another_process_answers_is_left_to_it(database_url: str, tmp_path: Path) -> None:
    """As while a reload lets the old worker finish its streams: same data folder, two processes."""
    go, data = gevent.event.Event(), tmp_path / "data"
    script: list[Step] = [*HEAD_AND_A, go, chunk(delta("b")), chunk(delta("", "stop")), End.CLOSE]
    with ScriptedUpstream(script) as upstream, house(database_url, data, upstream.base_url) as old:
        turn = old.start()
        until(lambda: turn.log.end == 1)
        with house(database_url, data, upstream.base_url) as new:
            assert new.replies(turn.session_id)[0].status == "streaming"
            until(lambda: new.replies(turn.session_id)[0].content == "a", 5)
            followed = new.follow(turn.id)
            assert not isinstance(followed, RunningTurn)
            reading = gevent.spawn(new.read, followed)
            gevent.sleep(0.1)
            go.set()
            client = reading.get()
            assert client.names()[0] == "snapshot"
            assert client.text() == old.read(turn).text() == "ab"
            assert client.frames[-1].json() == {"finish_reason": "stop"}
            assert new.replies(turn.session_id)[0].status == "complete"


def test_a_turn_is_stopped_through_another_process(database_url: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        ScriptedUpstream([*HEAD_AND_A, End.HANG]) as upstream,
        house(database_url, data, upstream.base_url) as old,
    ):
        turn = old.start()
        until(lambda: turn.log.end == 1)
        with house(database_url, data, upstream.base_url) as new:
            new.answering.turns.stop(new.account().id, turn.id)
            assert old.read(turn).frames[-1].json() == {"finish_reason": "cancelled"}
            assert upstream.requests[0].hung_up.wait(1)


def test_a_turn_whose_log_is_gone_replays_from_what_was_saved(database_url: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ScriptedUpstream(answer("a", "b")) as upstream, house(database_url, data, upstream.base_url) as one:
        turn, seen = one.say()
        with house(database_url, data, upstream.base_url) as other:
            log_id, end = turn.log.id, turn.log.end
            fresh = other.read(other.follow(turn.id))
            assert fresh.names() == ["snapshot", "usage", "done"]
            assert (fresh.text(), fresh.last_id) == ("ab", f"{log_id}-{end}")
            assert fresh.frames[1:] == seen.frames[2:], "the end has the places that it had"
            for seq in range(end):
                rest = other.read(other.follow(turn.id), f"{log_id}-{seq}")
                assert rest.last_id == fresh.last_id
                assert rest.text() in ("ab", ""), "all of it, or nothing because the reader has it"
                if seq >= 2:
                    assert "snapshot" not in rest.names() or seq == 2
            assert other.follow(turn.id).log.finished_at(Position(log_id, end), EVENTS)


def test_stopping_a_process_ends_its_turns_as_interrupted(database_url: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ScriptedUpstream([*HEAD_AND_A, End.HANG]) as upstream:
        with house(database_url, data, upstream.base_url) as here:
            turn = here.start()
            until(lambda: turn.log.end == 1)
            here.answering.stop()
            client = here.read(turn)
            assert client.names() == ["token", "usage", "failure", "done"]
            reply = here.replies(turn.session_id)[0]
            assert (reply.content, reply.status, reply.error_code) == ("a", "interrupted", "INTERRUPTED")
        assert upstream.requests[0].hung_up.wait(1)
    assert list((data / "owners").iterdir()) == []


def test_a_turn_ends_in_exactly_one_state(database_url: str, tmp_path: Path) -> None:
    with (
        ScriptedUpstream(answer("a")) as upstream,
        house(database_url, tmp_path / "data", upstream.base_url) as here,
    ):
        turn, _ = here.say()
        with here.database.read() as connection:
            saved = connection.execute(select(Turn.status, Turn.last_seq).where(Turn.id == turn.id)).one()
            assert (saved.status, saved.last_seq) == ("ended", turn.log.end)
            generation = here.generation(turn)
            assert generation.ttft_ms is not None
            assert generation.total_ms is not None
            assert 0 <= generation.ttft_ms <= generation.total_ms
