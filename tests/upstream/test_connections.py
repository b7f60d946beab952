"""The pool of connections under the openai client."""

from __future__ import annotations

import gevent

from tests.scripted_upstream import ScriptedUpstream, answer
from tests.upstream.calls import REQUEST, upstream_at

IDLE = 60


def test_a_request_does_not_wait_for_the_connections_that_are_idle() -> None:
    """Counted in turns that others get meanwhile: a hundred or so, and a hundred thousand when each idle connection
    is asked through the event loop."""
    turns = 0

    def take_turns() -> None:
        nonlocal turns
        while True:
            gevent.sleep(0)
            turns += 1

    with ScriptedUpstream(answer("a")) as server, upstream_at(server) as upstream:
        replies = [upstream.open(REQUEST) for _ in range(IDLE)]
        for reply in replies:
            assert "".join(reply) == "a"
            reply.close()
        busy = gevent.spawn(take_turns)
        last = upstream.open(REQUEST)
        busy.kill()
        assert server.connections == IDLE, "the connections are not kept"
        last.close()

    assert turns < 100 * IDLE
