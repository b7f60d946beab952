"""The servers that are compared, each in front of the same scripted upstream."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench.load import Load
from bench.process import PinnedProcess, free_port

ROOT = Path(__file__).resolve().parent.parent
MESSAGE = "Please count."
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
        """What listens on `port`; not started yet."""
        raise NotImplementedError

    def body(self, load: Load) -> dict[str, object]:
        return {"message": MESSAGE, "model": load.model}

    def prepare(self) -> None:
        """What has to be done once the server runs."""

    def body_file(self, load: Load) -> Path:
        path = self.folder / f"{type(self).__name__}-{load.model}.json"
        path.write_text(json.dumps(self.body(load)), "utf-8")
        return path

    @property
    def environment(self) -> dict[str, str]:
        upstream = {"OPENAI_BASE_URL": f"http://127.0.0.1:{self.upstream_port}/v1", "OPENAI_API_KEY": "bench"}
        return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **upstream}


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
    """The product as it is served: an account, a token, a conversation for each POST, every reply saved."""

    name = "chatapp"
    path = "/api/v1/chat"

    def process(self) -> PinnedProcess:
        self._flask("db", "upgrade")
        command = [*_GUNICORN, "-c", "deploy/gunicorn.conf.py", "wsgi:app"]
        return PinnedProcess(
            command, self.core, self.port, self.folder / "chatapp.log", self.environment, ROOT
        )

    def prepare(self) -> None:
        email = "bench@example.org"
        self._flask("user", "create", email, "--password", "a password for the bench")
        self.headers = {"Authorization": f"Bearer {self._flask('token', 'create', email)}"}

    @property
    def environment(self) -> dict[str, str]:
        models = ",".join(load.model for load in self.loads)
        return super().environment | {
            "PORT": str(self.port),
            "CHATAPP_DATA": str(self.folder / "data"),
            "CHATAPP_MODELS": models,
            "CHATAPP_DEFAULT_MODEL": self.loads[0].model,
            # chatapp bounds a reply's length by it
            "CHATAPP_MAX_OUTPUT_TOKENS": str(max(load.tokens for load in self.loads)),
            "CHATAPP_STREAMS_PER_USER": "1000",
            "CHATAPP_RATE_LIMITS": "0",
            "FLASK_SKIP_DOTENV": "1",
        }

    def _flask(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"flask {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()


CONTENDERS: tuple[type[Contender], ...] = (Chatapp, Nginx, PlainView)
