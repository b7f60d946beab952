"""Stop, pressed on another machine than the one that answers."""

from __future__ import annotations

import sys
import time

from tests.machines.ground import Ground
from tests.reading import until_shown

HUNG_UP_S = 2
"""The product promises one second; a loaded machine is allowed another."""


def test_a_turn_is_stopped_from_another_machine(machines: Ground) -> None:
    here, there = machines.servers
    turn, answer = machines.start_turn()
    reading = machines.reading(there.url)
    followed = [machines.reading(url).follow(turn["stream_url"]) for url in (here.url, there.url)]
    for _ in range(3):
        answer.speak()
        for each in followed:
            until_shown(each, answer.text)

    asked_at = time.monotonic()
    for _ in range(2):
        assert reading.http.post(f"/api/v1/turns/{turn['turn_id']}/cancel").status_code == 200

    [request] = machines.upstream.requests
    assert request.hung_up.wait(HUNG_UP_S), "upstream is let go"
    assert request.hung_up_at is not None
    sys.stdout.write(f"hung up after {request.hung_up_at - asked_at:.3f} s\n")
    assert request.hung_up_at - asked_at < HUNG_UP_S
    for each in followed:
        *_, ended = each
        assert ended.text() == answer.text
        assert ended.frames[-1].json() == {"finish_reason": "cancelled"}
    [reply] = reading.replies(turn["session_id"])
    assert (reply["content"], reply["status"]) == (answer.text, "cancelled")
