from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

from chatapp.store.base import now
from chatapp.store.conversation import Owner
from chatapp.store.database import Database
from chatapp.store.identifier import new_id
from chatapp.turns.owner import LEASE, ProcessOwner

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


def test_an_owner_on_another_machine_lives_by_its_lease(database: Database, tmp_path: Path) -> None:
    here = ProcessOwner(database, tmp_path / "here")
    there = ProcessOwner(database, tmp_path / "there")
    there.open()
    assert not here.is_dead(there.id)
    expired = new_id()
    with database.write() as connection:
        seen_at = now() - LEASE - timedelta(seconds=1)
        connection.execute(insert(Owner).values(id=expired, seen_at=seen_at))
    assert here.is_dead(expired)
    there.renew()
    there.close()
