from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chatapp.store.database import Database
from chatapp.turns.owner import LEASE_S, LOOK_S, RENEW_S, DataUnavailable, ProcessOwner
from tests.hand_clock import HandClock

HOLD = """
import sys
from pathlib import Path
from chatapp.store.database import Database
from chatapp.turns.owner import ProcessOwner
owner = ProcessOwner(Database(sys.argv[1]), Path(sys.argv[2]))
owner.open()
print(owner.id, flush=True)
sys.stdin.read()
"""


def test_an_owner_lives_until_its_process_is_killed(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    here = ProcessOwner(database, tmp_path)
    command = [sys.executable, "-c", HOLD, database_url, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        other = process.stdout.readline().strip()
        assert not here.is_dead(other)
        process.kill()
        process.wait()
        assert here.is_dead(other)
        here.forget(other)
        assert here.is_dead(other)
    assert list(tmp_path.glob("*.lock")) == []


def test_an_owner_is_never_dead_to_itself(database: Database, tmp_path: Path) -> None:
    owner = ProcessOwner(database, tmp_path)
    assert not owner.is_dead(owner.id)


def test_an_owner_that_has_closed_is_dead(database: Database, tmp_path: Path) -> None:
    here, other = ProcessOwner(database, tmp_path), ProcessOwner(database, tmp_path)
    other.open()
    assert not here.is_dead(other.id)
    other.close()
    assert here.is_dead(other.id)


def test_an_owner_on_another_machine_lives_for_as_long_as_it_renews_its_lease(
    database: Database, tmp_path: Path
) -> None:
    clock = HandClock()
    here = ProcessOwner(database, tmp_path / "here", clock=clock)
    there = ProcessOwner(database, tmp_path / "there")
    there.open()
    for _ in range(10):
        assert not here.is_dead(there.id)
        clock.wait(RENEW_S)
        there.renew()
    assert not here.is_dead(there.id)
    looked_for = 0.0
    while not here.is_dead(there.id):
        clock.wait(LOOK_S)
        looked_for += LOOK_S
        assert looked_for + LOOK_S <= 12, "the last renewal was up to a look before"
    assert looked_for > LEASE_S
    there.close()


def test_a_time_in_which_nobody_could_look_ends_no_lease(database: Database, tmp_path: Path) -> None:
    """When the database is back, those who could not renew have not had the time to."""
    clock = HandClock()
    here = ProcessOwner(database, tmp_path / "here", clock=clock)
    there = ProcessOwner(database, tmp_path / "there")
    there.open()
    assert not here.is_dead(there.id)
    clock.wait(60)
    assert not here.is_dead(there.id)
    there.close()


def test_an_owner_without_a_lease_is_dead(database: Database, tmp_path: Path) -> None:
    assert ProcessOwner(database, tmp_path).is_dead("0" * 32)


def test_a_data_folder_that_cannot_be_written_to_is_told_as_such(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.touch()
    owner = ProcessOwner(database, folder)
    with pytest.raises(DataUnavailable):
        owner.open()
    folder.unlink()
    owner.open()
    owner.close()
