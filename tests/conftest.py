"""Fixtures that several layers' tests share: databases of both kinds, an application, a person in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gevent import monkey
from hypothesis import settings as hypothesis_settings

from chatapp.config import Settings, load_settings
from chatapp.store.database import Database
from chatapp.store.migration import upgrade
from tests.postgresql_server import PostgresqlServer
from tests.valkey import RunningValkey

# How long an example takes says more about the machine than about the code.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")

BROWSER = Path(__file__).resolve().parent / "browser"
NOTHING_SKIPPED = os.environ.get("CHATAPP_TEST_ALL") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Playwright and gevent do not go together: each half of the tests says so when it is run the wrong way."""
    patched = monkey.is_module_patched("socket")
    browser = [item for item in items if BROWSER in item.path.parents]
    if patched and browser:
        raise pytest.UsageError(
            "run tests/browser by itself, without -p tests.gevent_patch (see `make test`)"
        )
    if not patched and len(browser) < len(items):
        raise pytest.UsageError("run these tests with -p tests.gevent_patch (see `make test`)")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Where nothing may be skipped, a test that skips itself has failed."""
    if NOTHING_SKIPPED and report.skipped:
        report.outcome = "failed"


MakeServer = Callable[[], PostgresqlServer]


@pytest.fixture(scope="session")
def make_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeServer]:
    """Makes real PostgreSQL servers; they end with the tests."""
    runtime, made = tmp_path_factory.mktemp("runtime"), []

    def make() -> PostgresqlServer:
        made.append(PostgresqlServer(runtime))
        template = Database(made[-1].make_database("chatapp_template"))
        upgrade(template)
        template.close()
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture(scope="session")
def postgresql(make_postgresql: MakeServer) -> PostgresqlServer:
    """The server of all tests that do it no harm."""
    return make_postgresql()


@pytest.fixture(scope="session")
def fragile_postgresql(make_postgresql: MakeServer) -> PostgresqlServer:
    """The server of those that stop or freeze it. Each leaves it running."""
    return make_postgresql()


_databases = iter(range(1_000_000))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "chatapp.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql: PostgresqlServer) -> str:
    return postgresql.make_database(f"test_{next(_databases)}", "chatapp_template")


@pytest.fixture
def fragile_url(fragile_postgresql: PostgresqlServer) -> str:
    """An empty, migrated database on the server that may be harmed."""
    return fragile_postgresql.make_database(f"test_{next(_databases)}", "chatapp_template")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def shared_valkey() -> Iterator[RunningValkey]:
    with RunningValkey() as valkey:
        yield valkey


@pytest.fixture
def redis_url(shared_valkey: RunningValkey) -> str:
    """An empty Valkey, for tests that leave it alive."""
    shared_valkey.flush()
    return shared_valkey.url


@pytest.fixture
def valkey() -> Iterator[RunningValkey]:
    """A Valkey of the test's own, to kill and to start again."""
    with RunningValkey() as valkey:
        yield valkey


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    """Those of a development machine with nothing set, on SQLite."""
    return load_settings({"CHATAPP_DATA": str(tmp_path / "data"), "DATABASE_URL": sqlite_url})
