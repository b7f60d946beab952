"""Places for upstream's answers where they are scarce: who gets the next, and what waiting is like.

Whose request came when is read off upstream: each voice has a model of its own, and says a word and then waits for the
test. Nothing here is measured by the clock.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest
from gevent.event import Event

from chatapp.accounts.account import Account
from chatapp.store.database import LOCK_WAIT_S
from chatapp.turns.ending import HUNG_UP
from chatapp.turns.generation import RunningGeneration
from chatapp.turns.running_turn import RunningTurn
from chatapp.turns.voice import Voice
from tests.scripted_upstream import (
    STREAM_HEAD,
    End,
    ReceivedRequest,
    ScriptedUpstream,
    Step,
    answer,
    chunk,
    delta,
    refuse,
)
from tests.turns.house import House, house, until

PATIENCE_S = 20


def voices(of: str, count: int) -> tuple[Voice, ...]:
    """So many voices, each asked by a name that upstream can tell."""
    return tuple(
        Voice(f"{of}{number}", of.upper(), "#000000", "", "", model=f"{of}{number}")
        for number in range(1, count + 1)
    )


class Gates:
    """An upstream whose answers begin at once and go on when their gate opens."""

    def __init__(self) -> None:
        self.gates: defaultdict[str, Event] = defaultdict(Event)
        self.upstream = ScriptedUpstream(self._script)

    def asked(self) -> list[str]:
        """Which voices have been asked, in that order."""
        return [request.json()["model"] for request in self.upstream.requests if request.body]

    def until_asked(self, count: int) -> list[str]:
        until(lambda: len(self.asked()) >= count, PATIENCE_S)
        return self.asked()

    def _script(self, request: ReceivedRequest) -> list[Step]:
        if not request.body:
            return refuse(404, "there is no list")
        name = request.json()["model"]
        return [STREAM_HEAD, chunk(delta(f"{name} begins ")), self.gates[name], *answer("and ends")[1:]]


@pytest.fixture
def gates() -> Iterator[Gates]:
    gates = Gates()
    with gates.upstream:
        yield gates


@pytest.fixture
def open_house(tmp_path: Path, sqlite_url: str, gates: Gates) -> Iterator[Callable[..., House]]:
    """Opens the house with these variables. It closes at the end."""
    opened: list[House] = []

    def open_one(**variables: object) -> House:
        given = {name: str(value) for name, value in variables.items()}
        base_url = gates.upstream.base_url
        opened.append(House(sqlite_url, tmp_path / "data", base_url, lock_wait_s=LOCK_WAIT_S, **given))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


OpenHouse = Callable[..., House]


def stranger(here: House) -> Account:
    return here.accounts.by_email("b@example.org") or here.accounts.create("b@example.org", "long enough")


def queued(turn: RunningTurn) -> list[str]:
    return [each.voice for each in turn.generations if each.is_queued]


def until_ended(*generations: RunningGeneration) -> None:
    until(lambda: all(each.ending is not None for each in generations), PATIENCE_S)


def test_the_next_place_goes_to_who_has_none_and_not_to_who_came_first(
    open_house: OpenHouse, gates: Gates
) -> None:
    here = open_house(CHATAPP_UPSTREAM_STREAMS=2)
    crowd = here.start(voices=voices("a", 8))
    assert sorted(gates.until_asked(2)) == ["a1", "a2"]
    single = here.start(voices=voices("b", 1), user_id=stranger(here).id)
    until(lambda: (len(queued(crowd)), queued(single)) == (6, ["b1"]), PATIENCE_S)
    gates.gates["a2"].set()
    assert gates.until_asked(3)[2] == "b1"
    for number in range(1, 9):
        gates.gates[f"a{number}"].set()
    assert gates.until_asked(9)[3:] == ["a3", "a4", "a5", "a6", "a7", "a8"], "then in order"
    gates.gates["b1"].set()
    assert here.read(crowd, timeout_s=PATIENCE_S).names().count("voice_done") == 8
    until_ended(*single.generations)
    assert single.generations[0].text == "b1 begins and ends"


def test_who_asks_eight_times_eight_leaves_room_for_who_asks_once(
    open_house: OpenHouse, gates: Gates
) -> None:
    """What one user may have bounds what another waits for: not for the end of anything at all."""
    here = open_house(CHATAPP_UPSTREAM_STREAMS=8, CHATAPP_UPSTREAM_PER_USER=6, CHATAPP_UPSTREAM_PER_TURN=2)
    turns = [here.start(voices=voices(f"a{turn}", 8)) for turn in range(8)]
    assert sorted(gates.until_asked(6)) == ["a01", "a02", "a11", "a12", "a21", "a22"], (
        "two of a turn, and six in all"
    )
    other = here.start(voices=voices("b", 3), user_id=stranger(here).id)
    assert sorted(gates.until_asked(8)[6:]) == ["b1", "b2"]
    until(lambda: all(each.parts for each in other.generations[:2]), PATIENCE_S)
    assert queued(other) == ["b3"], "more than two of a turn wait for their own"
    assert sum(len(queued(turn)) for turn in turns) == 64 - 6
    gates.gates["a01"].set()
    assert gates.until_asked(9)[8] == "a31", "of one's own turns, one that has nothing yet"
    gates.gates["b2"].set()
    assert gates.until_asked(10)[9] == "b3"


def test_a_voice_that_fails_or_is_silent_holds_no_place_but_its_own(
    open_house: OpenHouse, gates: Gates
) -> None:
    limited, silent, *others = voices("a", 6)
    gates.upstream.by_model = {
        limited.model or "": refuse(429, "too many"),
        silent.model or "": [End.HANG],
        **{each.model or "": answer(each.key) for each in others},
    }
    here = open_house(CHATAPP_UPSTREAM_PER_TURN=2)
    turn = here.start(voices=(limited, silent, *others))
    until_ended(turn.generations[0], *turn.generations[2:])
    assert [each.text for each in turn.generations] == ["", "", "a3", "a4", "a5", "a6"]
    assert turn.generations[1].ending is None
    ending = turn.generations[0].ending
    assert ending is not None and ending.failure is not None
    assert ending.failure.error_code == "RATE_LIMIT"
    turn.stop(HUNG_UP)
    until_ended(*turn.generations)


def test_a_voice_that_is_stopped_while_it_waits_ends_at_once(open_house: OpenHouse, gates: Gates) -> None:
    here = open_house(CHATAPP_UPSTREAM_PER_USER=1)
    turn = here.start(voices=voices("a", 3))
    gates.until_asked(1)
    assert queued(turn) == ["a2", "a3"]
    here.answering.turns.stop_generation(here.account().id, turn.generations[1].id)
    until_ended(turn.generations[1])
    assert queued(turn) == ["a3"]
    gates.gates["a1"].set()
    gates.gates["a3"].set()
    told = here.read(turn, timeout_s=PATIENCE_S)
    done = [frame.json() for frame in told.frames if frame.name == "voice_done"]
    assert done[0] == {"finish_reason": "cancelled", "voice": "a2"}
    assert {each["voice"] for each in done[1:]} == {"a1", "a3"}
    assert gates.asked() == ["a1", "a3"], "upstream never hears of it"
    row = here.conversations.generation(here.account().id, turn.generations[1].id)
    assert (row.status, row.ttft_ms, row.total_ms) == ("cancelled", None, None)


def test_a_turn_that_is_cancelled_while_it_waits_gives_its_places_to_nobody_of_its_own(
    open_house: OpenHouse, gates: Gates
) -> None:
    here = open_house(CHATAPP_UPSTREAM_STREAMS=2)
    turn, after = here.start(voices=voices("a", 6)), here.start(voices=voices("b", 1))
    gates.until_asked(2)
    assert queued(after) == ["b1"]
    here.answering.turns.stop(here.account().id, turn.id)
    until_ended(*turn.generations)
    assert gates.until_asked(3)[2:] == ["b1"]
    assert here.read(turn).frames[-1].json() == {"finish_reason": "cancelled"}
    gates.gates["b1"].set()
    assert here.read(after, timeout_s=PATIENCE_S).text() == "b1 begins and ends"


def test_a_turn_that_nobody_hears_ends_while_it_waits(open_house: OpenHouse, gates: Gates) -> None:
    here = open_house(CHATAPP_UPSTREAM_STREAMS=1, CHATAPP_ABANDON_S=0.5)
    first, second = here.start(voices=voices("a", 1)), here.start(voices=voices("b", 2))
    until_ended(*first.generations, *second.generations)
    assert [reply.status for reply in here.replies(second.session_id)] == ["cancelled"] * 2
    assert gates.asked()[0] == "a1"


def test_a_caller_who_hangs_up_while_his_message_waits_leaves_nothing_behind(
    open_house: OpenHouse, gates: Gates
) -> None:
    here = open_house(CHATAPP_UPSTREAM_STREAMS=1)
    first = here.start(voices=voices("a", 1))
    gates.until_asked(1)
    bound = here.start(voices=voices("b", 2), bound=True)
    bound.join()
    until(lambda: queued(bound) == ["b1", "b2"], PATIENCE_S)
    bound.leave()
    until_ended(*bound.generations)
    assert [reply.status for reply in here.replies(bound.session_id)] == ["partial"] * 2
    gates.gates["a1"].set()
    until_ended(*first.generations)
    here.start(voices=voices("c", 1))
    assert gates.until_asked(2) == ["a1", "c1"]


def test_what_waits_when_the_process_ends_was_interrupted(
    tmp_path: Path, sqlite_url: str, gates: Gates
) -> None:
    with house(sqlite_url, tmp_path / "data", gates.upstream.base_url, CHATAPP_UPSTREAM_STREAMS="1") as here:
        turn = here.start(voices=voices("a", 3))
        until(lambda: turn.generations[0].parts, PATIENCE_S)
        here.answering.stop()
        assert [reply.status for reply in here.replies(turn.session_id)] == ["interrupted"] * 3
        assert here.replies(turn.session_id)[0].content == "a1 begins "
    assert gates.asked() == ["a1"]


def test_patience_and_timings_begin_with_the_place(open_house: OpenHouse, gates: Gates) -> None:
    """The second voice uses up all patience that there is, and the third has waited as long by then."""
    holding, silent, waiting = voices("a", 3)
    gates.upstream.by_model = {silent.model or "": [End.HANG]}
    here = open_house(CHATAPP_UPSTREAM_PER_TURN=2, CHATAPP_FIRST_TOKEN_S=3)
    turn = here.start(voices=(holding, silent, waiting))
    _, second, third = turn.generations
    until_ended(second)
    assert second.ending is not None and second.ending.failure is not None
    assert second.ending.failure.error_code == "OPENAI_TIMEOUT"
    until(lambda: third.parts or third.ending, PATIENCE_S)
    assert third.ending is None, "it was not impatient with what upstream had not been asked for"
    asked_at, heard_at = third.started_at, third.first_token_at
    assert asked_at is not None and heard_at is not None
    assert second.started_at is not None and asked_at > second.started_at + 3
    for gate in ("a1", "a3"):
        gates.gates[gate].set()
    here.read(turn, timeout_s=PATIENCE_S)
    row = here.conversations.generation(here.account().id, third.id)
    assert row.ttft_ms == round((heard_at - asked_at) * 1000)
    assert row.total_ms <= (time.monotonic() - asked_at) * 1000


def test_every_place_comes_back_from_whatever_became_of_a_generation(
    open_house: OpenHouse, gates: Gates
) -> None:
    """Failures, stops at every stage and whole answers, over and over; then as many as ever are let in."""
    here = open_house(CHATAPP_UPSTREAM_STREAMS=3)
    bad, whole, *others = voices("a", 6)
    gates.upstream.by_model = {
        bad.model or "": refuse(500, "broken"),
        whole.model or "": answer("whole"),
        others[0].model or "": [STREAM_HEAD, chunk(delta("cut")), End.RESET],
        others[1].model or "": [End.HANG],
    }
    for turn in [here.start(voices=(bad, whole, *others)) for _ in range(4)]:
        gevent.sleep(0)
        turn.stop(HUNG_UP, turn.generations[-1].id)
        turn.stop(HUNG_UP, turn.generations[3].id)
        gates.gates[others[2].model or ""].set()
        until_ended(*turn.generations)
    gates.upstream.requests.clear()
    last = here.start(voices=voices("z", 4))
    assert sorted(gates.until_asked(3)) == ["z1", "z2", "z3"]
    assert queued(last) == ["z4"]
