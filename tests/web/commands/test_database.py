"""Commands for the database."""

from __future__ import annotations

from pathlib import Path

from chatapp.store.migration import is_current
from tests.web.conftest import MakeApp, parts_of


def test_upgrade_makes_the_tables_and_can_be_run_again(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/new.sqlite3")
    for _ in range(2):
        done = app.test_cli_runner().invoke(args=["db", "upgrade"])
        assert (done.exit_code, done.output) == (0, "database up to date\n")
        assert is_current(parts_of(app).database)


def test_upgrade_works_on_either_database(make_app: MakeApp, postgresql_url: str) -> None:
    done = make_app(DATABASE_URL=postgresql_url).test_cli_runner().invoke(args=["db", "upgrade"])
    assert (done.exit_code, done.output) == (0, "database up to date\n")
