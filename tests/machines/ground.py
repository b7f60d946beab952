"""The ground that tests of several processes stand on: servers, their upstream, and what the test lets it say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.machines.paced_answer import PacedAnswer
from tests.reading import Reading
from tests.scripted_upstream import ScriptedUpstream
from tests.server import RunningServer

SHARED = {
    "SECRET_KEY": "a secret key that all machines share",
    "JWT_SECRET": "a JWT secret that all machines share",
    "CHATAPP_MODELS": "gpt-6-luna",
    "OPENAI_SSE_HEARTBEAT_MS": "500",
    # Readers are opened until one of them lands where it should.
    "CHATAPP_STREAMS_PER_USER": "1000",
}


class Ground:
    """`servers` share `settings`, and by them a database, a Valkey and `upstream`. A token of the first is good for
    all of them."""

    def __init__(
        self, servers: Sequence[RunningServer], settings: Mapping[str, str], upstream: ScriptedUpstream
    ) -> None:
        self.servers = servers
        self.settings = settings
        self.upstream = upstream

    def begin(self) -> None:
        """For every test: nobody is dead, and upstream knows nothing of the test before."""
        self.upstream.scripts.clear()
        self.upstream.requests.clear()
        for server in self.servers:
            server.start_again()

    def reading(self, url: str = "") -> Reading:
        """A client of the server at `url`, by default of the first one, with connections of its own."""
        return Reading(self.servers[0], url)

    def start_turn(self, url: str = "", **fields: Any) -> tuple[dict[str, Any], PacedAnswer]:
        """A turn that was started through `url`, and its answer, of which upstream has sent nothing yet."""
        number = len(self.upstream.scripts)
        answer = PacedAnswer(f"answer {number}")
        self.upstream.scripts.append(answer.script)
        turn = self.reading(url).start_turn(**fields)
        assert self.upstream.wait_for_requests(number + 1, 20), "upstream was not asked"
        return turn, answer
