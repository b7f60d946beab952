"""A message that is sent five times at once, to two processes: one message, one generation, one call of upstream."""

from __future__ import annotations

from tests.machines.ground import Ground
from tests.machines.paced_answer import PacedAnswer
from tests.same_message import SentTogether


def test_two_machines_post_it_once(machines: Ground) -> None:
    here, there = machines.servers
    assert_one(machines, [here.url, there.url, here.url, there.url, there.url], "/api/v1/chat")


def test_two_workers_post_it_once(workers: Ground) -> None:
    [server] = workers.servers
    assert_one(workers, [server.url] * 5, "/api/v1/chat")


def assert_one(ground: Ground, urls: list[str], path: str) -> None:
    answer = PacedAnswer()
    ground.upstream.scripts.append(answer.script)
    body = {"message": "Count", "clientMessageId": "five-at-once"}
    with SentTogether(ground.servers[0], urls, path, body) as together:
        together.send()
        together.until_all_are_told(b"-0\n\n")
        text = answer.finish()
        together.read_to_the_end()
    assert [each.status for each in together.answers] == [200] * len(urls)
    [session_id] = {each.header("X-Session-Id") for each in together.answers}
    assert len({each.header("X-Turn-Id") for each in together.answers}) == 1
    clients = [each.client for each in together.answers]
    assert [each.text() for each in clients] == [text] * len(urls)
    assert [each.names().count("done") for each in clients] == [1] * len(urls)
    assert {each.frames[-1].data for each in clients} == {'{"finish_reason":"stop"}'}
    said = ground.reading().http.get(f"/api/v1/conversations/{session_id}/messages").json()["items"]
    assert [(each["role"], each["content"]) for each in said] == [("user", "Count"), ("assistant", text)]
    assert len({each["generation_id"] for each in said[1:]}) == 1
    assert len(ground.upstream.requests) == 1
