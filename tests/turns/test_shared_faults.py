"""What two machines do for a turn when Redis, or one of them, does not play along.

Each test compares what upstream sent, what readers put together here and there, and what is saved.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from redis.exceptions import OutOfMemoryError
from sqlalchemy import delete

from chatapp.store.conversation import Owner
from chatapp.streaming.redis_entry import log_key
from chatapp.streaming.shared_logs import PrivateLogs
from chatapp.turns.owner import ProcessOwner
from chatapp.turns.recover import Recovery
from chatapp.turns.running_turn import RunningTurn
from chatapp.turns.turns_elsewhere import TurnsElsewhere
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.turns.house import House, until
from tests.turns.machines import Lockstep, two_machines
from tests.turns.reader import Reader
from tests.valkey import RunningValkey

PARTS = [f"part {number} " for number in range(9)]
WHOLE = "".join(PARTS)

Trouble = Callable[[RunningValkey], object]


def _fill(valkey: RunningValkey) -> None:
    valkey.redis.config_set("maxmemory", "1mb")
    with pytest.raises(OutOfMemoryError):
        valkey.redis.set("x", "y" * 1_000_000)


def _unfill(valkey: RunningValkey) -> None:
    valkey.redis.config_set("maxmemory", "0")


TROUBLES: dict[str, tuple[Trouble, Trouble]] = {
    "killed": (RunningValkey.kill, RunningValkey.start),
    "frozen": (RunningValkey.freeze, RunningValkey.thaw),
    "full": (_fill, _unfill),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_without_redis_nothing_is_lost_and_with_it_again_turns_are_live(
    trouble: str, sqlite_url: str, valkey: RunningValkey, tmp_path: Path
) -> None:
    begin, end = TROUBLES[trouble]
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script, answer("next")) as upstream:
        with two_machines(sqlite_url, valkey.url, tmp_path, upstream) as (here, there):
            turn = here.start()
            near, far, ended = (Reader(turn.id) for _ in range(3))
            near.follow(here)
            far.follow(there).until_text(script.say(2))
            begin(valkey)
            near.until_text(script.say(2))
            far.until_text(script.said)
            assert far.client.names() == ["token", "token", "snapshot", *far.client.names()[3:]]
            late = Reader(turn.id).follow(there)
            late.until_text(script.say())
            end(valkey)
            until(lambda: far.client.last_id.startswith(f"{turn.log.id}-"), 30)
            for reader in (far, late):
                reader.until_text(script.say())
            assert far.client.last_id == late.client.last_id == f"{turn.log.id}-{turn.log.end}", "live again"
            script.say_the_rest()
            ended.follow(there)
            for reader in (near, far, late, ended):
                client = reader.to_the_end()
                assert client.text() == script.said == WHOLE
                assert (client.names().count("done"), client.names()[-1]) == (1, "done")
            assert near.client.names() == ["token"] * len(PARTS) + ["usage", "done"], "undisturbed"
            assert here.replies(turn.session_id)[0].content == WHOLE
            following, _ = here.say("next", session_id=turn.session_id)
            assert there.read(there.follow(following.id)).text() == "next"


def test_a_turn_that_ends_without_redis_is_told_to_its_end(
    sqlite_url: str, valkey: RunningValkey, tmp_path: Path
) -> None:
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with two_machines(sqlite_url, valkey.url, tmp_path, upstream) as (here, there):
            turn = here.start()
            near, far = Reader(turn.id).follow(here), Reader(turn.id).follow(there)
            far.until_text(script.say(2))
            valkey.kill()
            for _ in range(2):
                far.until_text(script.say())
            script.say_the_rest()
            assert near.to_the_end().text() == WHOLE
            assert far.to_the_end().text() == WHOLE == here.replies(turn.session_id)[0].content
            assert far.client.frames[-2:] == near.client.frames[-2:], (
                "the end has the places that it has here"
            )
            far.follow(there).to_the_end()
            assert far.finished, "who has the end has everything"


def test_a_redis_that_was_flushed_disturbs_nobody(
    sqlite_url: str, redis_url: str, shared_valkey: RunningValkey, tmp_path: Path
) -> None:
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with two_machines(sqlite_url, redis_url, tmp_path, upstream) as (here, there):
            turn = here.start()
            near, far = Reader(turn.id).follow(here), Reader(turn.id).follow(there)
            far.until_text(script.say(2))
            until(lambda: here.replies(turn.session_id)[0].content == script.said)
            shared_valkey.flush()
            late = Reader(turn.id)
            late.client.last_id = far.client.last_id
            late.follow(there)
            far.until_text(script.say())
            script.say_the_rest()
            assert far.to_the_end().frames == near.to_the_end().frames
            assert late.to_the_end().frames == far.client.frames[2:]


def test_a_log_that_redis_has_lost_is_no_empty_answer(
    sqlite_url: str, redis_url: str, shared_valkey: RunningValkey, tmp_path: Path
) -> None:
    """Nothing is written until upstream says more: who comes meanwhile is told what is saved."""
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with two_machines(sqlite_url, redis_url, tmp_path, upstream) as (here, there):
            turn = here.start()
            near = Reader(turn.id).follow(here)
            near.until_text(script.say(2))
            until(lambda: here.replies(turn.session_id)[0].content == script.said)
            until(lambda: shared_valkey.redis.exists(log_key(turn.log.id)))
            shared_valkey.flush()
            back = Reader(turn.id)
            back.client.last_id = near.client.last_id
            back.follow(there)
            until(lambda: back.client.frames)
            assert back.client.text() == script.said
            script.say_the_rest()
            assert back.to_the_end().text() == near.to_the_end().text() == WHOLE


def _given_up(there: House, turn: RunningTurn, folder: Path) -> None:
    """Another machine, which has not heard from ours for too long, ends its turns."""
    recovery = Recovery(there.database, ProcessOwner(there.database, folder))

    def given_up() -> bool:
        with there.database.write() as connection:
            connection.execute(delete(Owner))
        recovery.run()
        return bool(there.replies(turn.session_id)[0].status == "interrupted")

    until(given_up)


def test_a_machine_that_was_given_up_ends_nothing_and_adds_nothing(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with two_machines(database_url, redis_url, tmp_path, upstream) as (here, there):
            turn = here.start()
            near, far = Reader(turn.id).follow(here), Reader(turn.id).follow(there)
            far.until_text(script.say(3))
            until(lambda: here.replies(turn.session_id)[0].content == script.said)
            saved = script.said
            _given_up(there, turn, tmp_path / "third")
            script.say(2)
            for reader in (near, far):
                client = reader.to_the_end()
                assert client.names()[-4:] == ["snapshot", "usage", "failure", "done"]
                assert client.text() == saved
                told = client.frames[-2].json()
                assert (told["code"], told["retryable"]) == ("INTERRUPTED", True)
                assert client.frames[-1].json() == {"finish_reason": "error"}
                reader.follow(here).to_the_end()
                assert reader.finished
            assert upstream.requests[0].hung_up.wait(10), "nobody hears the rest"
            reply = there.replies(turn.session_id)[0]
            assert (reply.content, reply.status, reply.error_code) == (saved, "interrupted", "INTERRUPTED")
            assert there.begin("Next", session_id=turn.session_id)[0].session_id == turn.session_id


def test_who_was_told_of_an_end_has_everything_also_where_it_is_not_known_yet(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    script = Lockstep(*PARTS)
    with ScriptedUpstream(script) as upstream:
        with two_machines(sqlite_url, redis_url, tmp_path, upstream) as (here, there):
            turn = here.start()
            Reader(turn.id).follow(there).until_text(script.say(2))
            _given_up(there, turn, tmp_path / "third")
            ended = TurnsElsewhere(there.database, PrivateLogs()).find(turn.id)
            back = Reader(turn.id)
            back.client = there.read(ended)
            assert back.client.names()[-1] == "done"
            back.follow(there).to_the_end()
            assert back.finished
