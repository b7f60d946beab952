"""The servers that are compared, each in front of the same scripted upstream."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from bench.load import MESSAGE, Load
from bench.process import PinnedProcess, free_port
from chatapp.accounts.account import Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.config import Settings, load_settings
from chatapp.store.database import Database
from chatapp.store.migration import upgrade

ROOT = Path(__file__).resolve().parent.parent
EMAIL = "bench@example.org"
VOICES = ("seeker", "explorer", "maintainer", "analyzer", "developer")
"""Who is asked where several answer."""
SPARE_FILES = 200
"""What a process opens beside its streams, amply: libraries, the database, what it listens on."""
_GUNICORN = (sys.executable, "-m", "gunicorn")


class Contender:
    """One way from a reader to upstream. `loads` are all that it will be asked to carry."""

    name: ClassVar[str]
    path: ClassVar[str]

    def __init__(self, folder: Path, core: int, upstream_port: int, loads: Sequence[Load]) -> None:
        self.folder = folder
        self.core = core
        self.upstream_port = upstream_port
        self.loads = loads
        self.port = free_port()
        self.headers: dict[str, str] = {}

    def process(self) -> PinnedProcess:
        """What listens on `port`, with all that it needs made; not started yet."""
        raise NotImplementedError

    def body(self, load: Load) -> dict[str, object]:
        return {"message": MESSAGE, "model": load.model}

    @property
    def most_streams(self) -> int:
        return max(load.streams for load in self.loads)

    def body_file(self, load: Load) -> Path:
        path = self.folder / f"{type(self).__name__}-{load.model}-{load.voices}.json"
        path.write_text(json.dumps(self.body(load)), "utf-8")
        return path

    @property
    def environment(self) -> dict[str, str]:
        upstream = {"OPENAI_BASE_URL": f"http://127.0.0.1:{self.upstream_port}/v1", "OPENAI_API_KEY": "bench"}
        return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **upstream}


class NoServer(Contender):
    """Upstream itself: what is left of any figure when nothing stands between it and the load client."""

    name = "no server"
    path = "/v1/chat/completions"

    def __init__(self, folder: Path, core: int, upstream_port: int, loads: Sequence[Load]) -> None:
        super().__init__(folder, core, upstream_port, loads)
        self.port = upstream_port

    def body(self, load: Load) -> dict[str, object]:
        return {"model": load.model, "stream": True}


class Nginx(Contender):
    name = "nginx"
    path = "/v1/chat/completions"

    @classmethod
    def program(cls) -> str | None:
        return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")

    def body(self, load: Load) -> dict[str, object]:
        return {"model": load.model, "stream": True, "messages": [{"role": "user", "content": MESSAGE}]}

    def process(self) -> PinnedProcess:
        text = (ROOT / "bench" / "nginx.conf").read_text("utf-8")
        places = {"FOLDER": str(self.folder), "UPSTREAM": str(self.upstream_port), "PORT": str(self.port)}
        for name, value in places.items():
            text = text.replace(name, value)
        configuration = self.folder / "nginx.conf"
        configuration.write_text(text, "utf-8")
        start_log = str(self.folder / "nginx-start.log")
        command = [str(self.program()), "-e", start_log, "-p", str(self.folder), "-c", str(configuration)]
        return PinnedProcess(command, self.core, self.port, self.folder / "nginx.log")


class PlainView(Contender):
    name = "plain view"
    path = "/chat"

    def process(self) -> PinnedProcess:
        command = [*_GUNICORN, "--worker-class", "gevent", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--no-control-socket", "bench.plain_view:app"]
        return PinnedProcess(command, self.core, self.port, self.folder / "plain.log", self.environment, ROOT)


class Chatapp(Contender):
    """The product as it is served: an account, a token, a conversation for each POST, every reply saved.

    `settings` are variables of its environment that win over those that every load needs; `application` is what
    gunicorn serves.
    """

    name = "chatapp"
    path = "/api/v1/chat"

    def __init__(
        self,
        folder: Path,
        core: int,
        upstream_port: int,
        loads: Sequence[Load],
        settings: Mapping[str, str] | None = None,
        application: str = "wsgi:app",
    ) -> None:
        super().__init__(folder, core, upstream_port, loads)
        self._settings = settings or {}
        self._application = application

    def body(self, load: Load) -> dict[str, object]:
        body = super().body(load)
        return {**body, "voices": VOICES[: load.voices]} if load.voices > 1 else body

    def process(self) -> PinnedProcess:
        self.headers = self.sign_up(EMAIL)
        command = [*_GUNICORN, "-c", "deploy/gunicorn.conf.py", self._application]
        return PinnedProcess(
            command, self.core, self.port, self.folder / "chatapp.log", self.environment, ROOT
        )

    @property
    def environment(self) -> dict[str, str]:
        models = ",".join(dict.fromkeys(load.model for load in self.loads))
        connections = str(max(1000, self.most_streams + SPARE_FILES))
        needed = {
            "PORT": str(self.port),
            "CHATAPP_DATA": str(self.folder / "data"),
            "CHATAPP_MODELS": models,
            "CHATAPP_DEFAULT_MODEL": self.loads[0].model,
            # chatapp bounds a reply's length by it
            "CHATAPP_MAX_OUTPUT_TOKENS": str(max(load.tokens for load in self.loads)),
            "CHATAPP_CONNECTIONS": connections,
            "CHATAPP_STREAMS_PER_USER": connections,
            "CHATAPP_UPSTREAM_PER_USER": connections,
            "CHATAPP_RATE_LIMITS": "0",
            "FLASK_SKIP_DOTENV": "1",
        }
        return {**super().environment, **needed, **self._settings}

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Its database, up to date."""
        database = Database(self._own_settings.database_url.get_secret_value())
        try:
            upgrade(database)
            yield database
        finally:
            database.close()

    def people_file(self, count: int) -> Path:
        """Makes so many users; a file with what each of them sends to be known, one a line."""
        found = [self.sign_up(f"bench{number}@example.org") for number in range(count)]
        path = self.folder / "people"
        path.write_text("".join(f"Authorization: {each['Authorization']}\n" for each in found), "utf-8")
        path.chmod(0o600)
        return path

    def sign_up(self, email: str) -> dict[str, str]:
        """Makes a user; the headers with an API token of theirs."""
        secret = self._own_settings.jwt_secret.get_secret_value()
        with self.database() as database:
            account = Accounts(database).create(email, "a password for the bench")
            token = ApiTokens(database, secret).issue(account, "bench").token
        return {"Authorization": f"Bearer {token}"}

    @property
    def _own_settings(self) -> Settings:
        return load_settings(self.environment)


CONTENDERS: tuple[type[Contender], ...] = (Chatapp, Nginx, PlainView)


def installed(kinds: Iterable[type[Contender]]) -> list[type[Contender]]:
    """Those that this machine can run: all of them, or all but nginx."""
    return [kind for kind in kinds if kind is not Nginx or Nginx.program()]
