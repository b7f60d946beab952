"""What chatapp stands on when it is measured alone: upstream on the tools' core, the server's core for itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.api import Api
from bench.contender import Chatapp, Contender, NoServer, installed
from bench.load import Load, put
from bench.process import PinnedProcess, cores
from bench.upstream import Upstream

ONE_TOKEN = Load("one token", streams=1, at_once=1, tokens=1)
_WARM_UP_TURNS = 20
_WARM_UP = Load("warm-up", streams=_WARM_UP_TURNS, at_once=1, tokens=ONE_TOKEN.tokens)
Server = tuple[Contender, PinnedProcess | None]
"""What is measured, and the process that it is: none where nothing stands before upstream."""


class Stand:
    """Upstream for `loads`, running; a context manager."""

    def __init__(self, folder: Path, loads: Sequence[Load]) -> None:
        self.server_core, self.tools_core = cores()
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._loads = [*loads, ONE_TOKEN]
        self.upstream = Upstream(folder, self.tools_core, self._loads)

    def __enter__(self) -> Self:
        self.upstream.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.upstream.__exit__(kind, error, trace)

    def chatapp(
        self, name: str, settings: Mapping[str, str] | None = None, application: str = "wsgi:app"
    ) -> Chatapp:
        """A chatapp with data of its own, not started yet."""
        folder = self.folder / name
        folder.mkdir()
        return Chatapp(folder, self.server_core, self.upstream.port, self._loads, settings, application)

    def contender(self, kind: type[Contender]) -> Contender:
        """Any server, not started yet, or none."""
        if kind is Chatapp:
            return self.chatapp("chatapp")
        return kind(self.folder, self.server_core, self.upstream.port, self._loads)

    @contextmanager
    def servers(self, kinds: Sequence[type[Contender]]) -> Iterator[list[Server]]:
        """No server at all, and each of these that is installed, running and warm."""
        with ExitStack() as stack:
            found: list[Server] = [(self.contender(NoServer), None)]
            for contender in map(self.contender, installed(kinds)):
                found.append((contender, stack.enter_context(contender.process())))
                body = contender.body_file(ONE_TOKEN)
                put(_WARM_UP, self.tools_core, contender.port, contender.path, body, contender.headers)
            yield found


def warm_up(chatapp: Chatapp) -> None:
    """What a process does for the first time only is done after this."""
    with Api(chatapp.port, chatapp.headers) as api:
        for _ in range(_WARM_UP_TURNS):
            api.hear(api.start_turn(ONE_TOKEN))
