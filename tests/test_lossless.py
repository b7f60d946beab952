"""Two processes, their readers, and whatever can happen to them in any order: nothing is lost, nothing is doubled.

The machine says what happens; processes, database and Valkey are real. Upstream sends a known text piece by piece, when
the machine says so. At the end of every run all readers come back, and what they put together is what is saved.

What the machine draws never depends on how far the greenlets have come, so that a failing run can be repeated.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chatapp.accounts.account import Accounts
from chatapp.store.database import Database
from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.position import Position
from tests.scripted_upstream import DONE, LAST_CHUNK, STREAM_HEAD, ScriptedUpstream, Step, chunk, delta
from tests.streaming.wire import Client
from tests.turns.house import House, until
from tests.turns.mortal import MortalHouse, clean_up
from tests.valkey import RunningValkey

PATIENCE_S = 20
READERS = 4
ANY = st.integers(0, 11)
"""Which of those that there are: it is taken modulo their number."""
WHICH_HOUSE = st.integers(0, 1)
SHARE = st.integers(0, 100)
"""Per cent of the bytes that have arrived."""
PIECES = st.lists(st.text('ab "\\\n\u20ac\U0001f600', min_size=1, max_size=6), min_size=1, max_size=8)


class Turn:
    """What the machine knows of a turn. `saved` is text that was seen in the database while the turn ran."""

    def __init__(self, pieces: list[str], owner: MortalHouse) -> None:
        self.id = self.session_id = ""
        self.pieces = pieces
        self.owner = owner
        self.given = 0
        self.saved = ""
        self.stopped = self.crashed = False
        gates = [Event() for _ in range(len(pieces) + 1)]
        self._gates = gates
        self.script: list[Step] = [STREAM_HEAD]
        for gate, piece in zip(gates, pieces, strict=False):
            self.script += [gate, chunk(delta(piece))]
        self.script += [gates[-1], *map(chunk, (delta("", "stop"), DONE)), LAST_CHUNK]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def finished(self) -> bool:
        """Whether upstream has been let go to the end."""
        return self.given > len(self.pieces)

    @property
    def runs(self) -> bool:
        return not (self.finished or self.stopped or self.crashed)

    def give(self, count: int) -> None:
        """Upstream may send so many pieces more; the end counts as one."""
        for gate in self._gates[self.given : self.given + count]:
            gate.set()
        self.given = min(self.given + count, len(self._gates))

    def statuses(self) -> set[str]:
        """What may have become of it."""
        possible = {"complete"} if self.finished else set()
        possible |= {"cancelled"} if self.stopped else set()
        return possible | ({"interrupted"} if self.crashed else set())


class Reader:
    """One reader of one turn. `arrived` has come through the line and is not read yet."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.client = Client()
        self.house: MortalHouse | None = None
        self.arrived = b""
        self._came_with = 0
        self._line: gevent.Greenlet[[], None] | None = None

    @property
    def is_done(self) -> bool:
        return "done" in self.client.names()

    def connect(self, house: MortalHouse) -> None:
        self.house = house
        self.arrived = b""
        self._came_with = len(self.client.frames)
        self._line = house.run(lambda: self._follow(house.house, self.client.last_id))

    def read(self, share: int = 100) -> None:
        """Reads some of what has arrived, to the byte."""
        size = len(self.arrived) * share // 100
        self.client.feed(self.arrived[:size])
        self.arrived = self.arrived[size:]

    def cut(self, share: int) -> None:
        """The line breaks; `share` of what was in it is still read."""
        assert self._line is not None
        self._line.kill(timeout=PATIENCE_S)
        self._line.get(block=False)
        self.read(share)
        self.client.cut()
        self.house = None

    def read_to_the_end(self) -> None:
        """Waits for the line to be closed by the other side, which only happens at the end."""
        assert self._line is not None
        self._line.get(timeout=PATIENCE_S)
        self.read()
        assert self.is_done, f"closed after {self.client.names()[-3:]}"

    def check(self) -> None:
        """It shows what was sent, and its stream has one end. Who had the end already and asks for more, here or
        there, has everything."""
        assert self.turn.text.startswith(self.client.text())
        names = self.client.names()
        before, now = names[: self._came_with], names[self._came_with :]
        assert "done" not in now or now.index("done") == len(now) - 1
        assert "done" not in before or not now

    def _follow(self, house: House, last_id: str) -> None:
        """As chatapp.web.streams.answer does it; in here the whole of a frame is one write."""
        turn, position = house.follow(self.turn.id), Position.parse(last_id)
        if position is not None:
            turn.catch_up(position)
        if turn.log.finished_at(position, EVENTS):
            assert self.is_done
            return
        for piece in house.subscriber(turn, last_id or None).frames():
            self.arrived += piece


class Lossless(RuleBasedStateMachine):
    def __init__(self, template: Path, redis_url: str) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lossless-"))
        self.database = self.folder / "chatapp.sqlite3"
        shutil.copy(template, self.database)
        self.redis_url = redis_url
        self.upstream = ScriptedUpstream()
        self.upstream.start()
        self.houses: list[MortalHouse | None] = [None, None]
        self.turns: list[Turn] = []
        self.readers: list[Reader] = []

    @initialize(one_folder=st.booleans())
    def begin(self, one_folder: bool) -> None:
        """Two processes of one machine, or of two machines: of the other's death they learn in different ways."""
        self.data = [self.folder / name for name in (("a", "a") if one_folder else ("a", "b"))]
        for number in range(2):
            self.start_house(number)
        self.send_a_message(0, ["one ", "two ", "three ", "four ", "five ", "six "], 1)
        self.open_a_tab(0, 1)

    def start_house(self, number: int) -> None:
        base_url = self.upstream.base_url
        self.houses[number] = MortalHouse(self.database, self.data[number], base_url, self.redis_url)

    def alive(self, preferred: int = 0) -> MortalHouse:
        found = self.houses[preferred] or self.houses[1 - preferred]
        assert found is not None
        return found

    @property
    def some_alive(self) -> bool:
        return any(self.houses)

    @property
    def current(self) -> Turn | None:
        """The turn that still runs, as far as anybody was told."""
        return self.turns[-1] if self.turns and self.turns[-1].runs else None

    @property
    def is_free(self) -> bool:
        """Whether the conversation takes another message: a turn whose process died ends when it is back."""
        return not self.turns or (not self.turns[-1].runs and self.turns[-1].owner in self.houses)

    # What people do

    @precondition(lambda self: self.some_alive and self.is_free)
    @rule(house=WHICH_HOUSE, pieces=PIECES, count=st.integers(0, 3))
    def send_a_message(self, house: int, pieces: list[str], count: int) -> None:
        owner = self.alive(house)
        turn = Turn(pieces, owner)
        session_id = None
        if self.turns:
            session_id = self.turns[-1].session_id
            until(lambda: all(row.status != "streaming" for row in self.rows()), PATIENCE_S)
        self.upstream.scripts.append(turn.script)
        running = owner.run(lambda: owner.house.start(session_id=session_id)).get(timeout=PATIENCE_S)
        turn.id, turn.session_id = running.id, running.session_id
        self.turns.append(turn)
        until(lambda: len(self.upstream.requests) == len(self.turns), PATIENCE_S)
        turn.give(count)

    @precondition(lambda self: self.some_alive and self.turns and len(self.readers) < READERS)
    @rule(turn=ANY, house=WHICH_HOUSE)
    def open_a_tab(self, turn: int, house: int) -> None:
        reader = Reader(self.turns[-1 - turn % min(2, len(self.turns))])
        reader.connect(self.alive(house))
        self.readers.append(reader)

    @precondition(lambda self: any(reader.house for reader in self.readers))
    @rule(reader=ANY, share=SHARE)
    def read_some(self, reader: int, share: int) -> None:
        self.chosen(reader, connected=True).read(share)

    @precondition(lambda self: any(reader.house for reader in self.readers))
    @rule(reader=ANY, share=SHARE)
    def cut(self, reader: int, share: int) -> None:
        self.chosen(reader, connected=True).cut(share)

    @precondition(lambda self: self.some_alive and any(not reader.house for reader in self.readers))
    @rule(reader=ANY, house=WHICH_HOUSE)
    def resume(self, reader: int, house: int) -> None:
        self.chosen(reader, connected=False).connect(self.alive(house))

    @precondition(lambda self: self.some_alive and self.current)
    @rule(house=WHICH_HOUSE)
    def stop(self, house: int) -> None:
        assert self.current is not None
        asked, turn_id = self.alive(house), self.current.id
        turns, user_id = asked.house.answering.turns, asked.house.account().id
        asked.run(lambda: turns.stop(user_id, turn_id)).get(timeout=PATIENCE_S)
        self.current.stopped = True

    # What upstream and time do

    @precondition(lambda self: self.current)
    @rule(count=st.integers(1, 3))
    def upstream_sends(self, count: int) -> None:
        assert self.current is not None
        self.current.give(count)

    @rule()
    def things_settle(self) -> None:
        """What is under way comes where it was going, mostly."""
        gevent.sleep(0.02)

    @precondition(lambda self: self.current and self.some_alive)
    @rule(count=st.integers(0, 2))
    def a_checkpoint_passes(self, count: int) -> None:
        """What was sent until then, and perhaps a little more, is saved while the turn runs."""
        assert self.current is not None
        turn = self.current
        turn.give(min(count, len(turn.pieces) - turn.given))
        text = "".join(turn.pieces[: turn.given])
        until(lambda: self.rows()[-1].content == text, PATIENCE_S)
        turn.saved = text

    # What happens to processes

    @precondition(lambda self: self.some_alive)
    @rule(house=WHICH_HOUSE, share=SHARE, saved=st.booleans())
    def crash(self, house: int, share: int, saved: bool) -> None:
        """At any time, or when something was saved."""
        if saved and self.current:
            self.a_checkpoint_passes(1)
        crashed = self.alive(house)
        crashed.crash()
        self.houses[self.houses.index(crashed)] = None
        for reader in self.readers:
            if reader.house is crashed:
                reader.cut(share)
        for turn in self.turns:
            turn.crashed |= turn.owner is crashed and turn is self.turns[-1]

    @precondition(lambda self: not all(self.houses))
    @rule()
    def restart(self) -> None:
        for number, house in enumerate(self.houses):
            if house is None:
                self.start_house(number)
                self.inherit(number)

    def inherit(self, number: int) -> None:
        """Turns of the one that died have an end now, and count as those of its successor."""
        successor = self.houses[number]
        assert successor is not None
        for turn in self.turns:
            if turn.owner not in self.houses:
                turn.owner = successor

    # What holds

    @invariant()
    def nobody_has_a_gap_or_anything_twice(self) -> None:
        for reader in self.readers:
            reader.check()

    def teardown(self) -> None:
        try:
            if self.turns:
                self.all_comes_to_its_end()
        finally:
            for turn in self.turns:
                turn.give(len(turn.pieces) + 1)
            for house in filter(None, self.houses):
                house.close()
            self.houses = [None, None]
            self.turns.clear()
            self.readers.clear()
            self.upstream.stop()
            shutil.rmtree(self.folder)
            clean_up()

    def all_comes_to_its_end(self) -> None:
        self.restart()
        if self.current:
            self.current.give(len(self.current.pieces) + 1)
        until(lambda: all(row.status != "streaming" for row in self.rows()), PATIENCE_S)
        assert len(self.upstream.requests) == len(self.turns), "upstream is asked once for each"
        rows = self.rows()
        assert len(rows) == len(self.turns)
        for turn, row in zip(self.turns, rows, strict=True):
            self.check_saved(turn, row)
        for number, reader in enumerate(self.readers):
            self.check_read(reader, number, rows[self.turns.index(reader.turn)].content)

    def check_saved(self, turn: Turn, row: Any) -> None:
        assert row.status in turn.statuses()
        assert turn.text.startswith(row.content)
        assert row.content.startswith(turn.saved)
        assert row.status != "complete" or row.content == turn.text
        for house in filter(None, self.houses):
            whole = Reader(turn)
            whole.connect(house)
            whole.read_to_the_end()
            assert whole.client.text() == row.content

    def check_read(self, reader: Reader, number: int, saved: str) -> None:
        """It reads on where it is, or comes back; and then once more, to learn that it has everything."""
        if not reader.house:
            reader.connect(self.alive(number % 2))
        reader.read_to_the_end()
        assert reader.client.text() == saved
        reader.connect(self.alive(1 - number % 2))
        reader.read_to_the_end()
        reader.check()
        assert reader.client.text() == saved

    def rows(self) -> list[Any]:
        """The replies as they are saved."""
        return self.alive().house.replies(self.turns[0].session_id)

    def chosen(self, number: int, *, connected: bool) -> Reader:
        possible = [each for each in self.readers if bool(each.house) == connected]
        return possible[number % len(possible)]


@pytest.fixture
def template(sqlite_template: Path, tmp_path: Path) -> Path:
    """A database with the account that houses use."""
    path = tmp_path / "template.sqlite3"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    Accounts(database).create("a@example.org", "long enough")
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


# redis-py leaves a socket open that was being connected when its greenlet was killed, as processes here are in their
# first moments.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_nothing_is_lost_and_nothing_is_doubled(template: Path, shared_valkey: RunningValkey) -> None:
    run_state_machine_as_test(
        lambda: Lossless(template, shared_valkey.url),  # type: ignore[arg-type]  # any factory will do
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            derandomize=False,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            # A run takes up to seconds: to make a failing one shorter would take many minutes.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )
