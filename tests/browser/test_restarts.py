"""The server dies, or is restarted, in the middle of an answer, while the page is open."""

from __future__ import annotations

import os
import signal
import socket

from playwright.sync_api import Request, expect

from tests.browser.reader import Reader
from tests.deploy.lockstep import LockstepUpstream
from tests.server import RunningServer

SENTENCE = "The server restarted. What arrived is kept."
KEEP_CONNECTIONS = "Promise.all([1, 2, 3, 4, 5].map(() => fetch('/api/v1/auth/ping'))).then(() => null)"
LOST = "The connection was lost. Trying again …"


def kill_worker(server: RunningServer) -> None:
    """As the kernel does when memory runs out. The master starts another worker."""
    [worker] = server.worker_pids()
    os.kill(worker, signal.SIGKILL)


def assert_interrupted(reader: Reader, text: str) -> None:
    """The page says what became of the answer, offers to ask again, and takes the next message."""
    expect(reader.replies.last.locator(".message-failed")).to_have_text(SENTENCE, timeout=30_000)
    reader.wait_for_the_end()
    assert reader.text.strip() == reader.saved[-1]["content"].strip() == text
    assert reader.saved[-1]["status"] == "interrupted"
    expect(reader.again).to_have_count(1)
    expect(reader.again).to_be_visible()
    expect(reader.page.locator("#connection")).to_be_hidden()
    expect(reader.page.locator("#composer-error")).to_be_hidden()
    expect(reader.page.locator("#send")).to_be_enabled()
    assert reader.own.count() == reader.replies.count() == 1


def mark(reader: Reader) -> None:
    reader.page.evaluate("window.stayed = true")


def assert_stayed(reader: Reader) -> None:
    assert reader.page.evaluate("window.stayed"), "the page was loaded anew"


def test_a_worker_that_is_killed(
    asking: Reader, led_server: RunningServer, upstream: LockstepUpstream
) -> None:
    mark(asking)
    kill_worker(led_server)
    assert_interrupted(asking, "one")
    assert_stayed(asking)
    asking.again.click()
    upstream.wait_until_asked()
    upstream.give("one two")
    asking.until(lambda: asking.text == "one two")
    expect(asking.again).to_have_count(0)
    upstream.end()
    asking.wait_for_the_end()
    assert [each["content"] for each in asking.saved] == ["Count", "one ", "one two"]
    asking.complaints.clear()  # the browser reports the broken stream


def test_a_server_that_is_killed_and_comes_back(asking: Reader, led_server: RunningServer) -> None:
    mark(asking)
    led_server.kill()
    expect(asking.page.locator("#connection")).to_have_text(LOST)
    asking.page.click("#stop")
    expect(asking.page.locator("#composer-error")).to_contain_text("The answer was not stopped")
    asking.write("What I write meanwhile")
    expect(asking.page.locator("#connection")).to_be_visible()
    led_server.start()
    assert_interrupted(asking, "one")
    expect(asking.page.locator("#message")).to_have_value("What I write meanwhile")
    assert_stayed(asking)
    asking.complaints.clear()


def test_a_line_that_is_back_is_used_at_once(asking: Reader, led_server: RunningServer) -> None:
    """The page's own clock stands still, so that no pause of its own can end."""
    asking.page.clock.install()
    asking.page.reload()
    asking.until(lambda: asking.text == "one ")
    asking.page.clock.pause_at(asking.page.evaluate("Date.now() + 1000"))
    mark(asking)
    kill_worker(led_server)
    asking.until(lambda: asking.saved[-1]["status"] == "interrupted")
    assert asking.again.count() == 0
    asking.context.set_offline(True)
    asking.context.set_offline(False)
    assert_interrupted(asking, "one")
    assert_stayed(asking)
    asking.complaints.clear()


def test_a_laptop_that_slept(asking: Reader, upstream: LockstepUpstream) -> None:
    """Nothing tells a page that the other side has gone meanwhile: it goes on from its place over another line."""
    asking.page.clock.install()
    asking.page.reload()
    asking.until(lambda: asking.text == "one ")
    upstream.give("two ")
    asking.until(lambda: asking.text == "one two ")
    streams: list[Request] = []
    asking.page.on("request", lambda each: streams.append(each) if "/stream" in each.url else None)
    asking.page.clock.fast_forward("10:00")
    asking.until(lambda: len(streams) == 1)
    assert "last_event_id=" in streams[0].url
    upstream.give("three")
    upstream.end()
    asking.wait_for_the_end()
    assert asking.text.strip() == asking.saved[-1]["content"] == "one two three"


def test_a_reload_of_the_server(
    asking: Reader, led_server: RunningServer, upstream: LockstepUpstream
) -> None:
    mark(asking)
    asking.page.evaluate(KEEP_CONNECTIONS)
    led_server.hup()
    asking.until(lambda: len(led_server.worker_pids()) == 2)
    upstream.give("two")
    asking.until(lambda: asking.text == "one two")
    upstream.end()
    asking.wait_for_the_end()
    assert asking.text.strip() == asking.saved[-1]["content"] == "one two"
    asking.send("And on")  # over connections that lead to the old worker
    upstream.wait_until_asked()
    upstream.give("three")
    upstream.end()
    asking.until(lambda: asking.replies.count() == 2)
    asking.wait_for_the_end()
    assert asking.text.strip() == "three"
    assert_stayed(asking)
    asking.complaints.clear()  # the browser reports what the old worker refused


def test_a_stop_of_the_server(asking: Reader, led_server: RunningServer, upstream: LockstepUpstream) -> None:
    mark(asking)
    os.kill(led_server.pid, signal.SIGTERM)
    asking.until(lambda: not takes_connections(led_server))
    upstream.give("two")
    asking.until(lambda: asking.text == "one two")
    upstream.end()
    asking.until(lambda: asking.page.locator("#send:visible, #connection:visible").count() > 0)
    led_server.kill()  # a browser's kept connections hold it up for long
    led_server.start()
    asking.wait_for_the_end()
    assert asking.text.strip() == asking.saved[-1]["content"] == "one two"
    expect(asking.again).to_have_count(0)
    assert_stayed(asking)
    asking.complaints.clear()


def takes_connections(server: RunningServer) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_without_scripts_a_reload_of_the_page_tells(
    plain_asking: Reader, led_server: RunningServer, upstream: LockstepUpstream
) -> None:
    kill_worker(led_server)
    asking = plain_asking
    asking.until(lambda: asking.saved[-1]["status"] == "interrupted")
    asking.page.reload()
    assert_interrupted(asking, "one")
    asking.again.click(no_wait_after=True)
    upstream.wait_until_asked()
    upstream.give("two\n\n")
    asking.until(lambda: asking.text.strip() == "two")
    expect(asking.again).to_have_count(0)
    upstream.end()
    asking.page.wait_for_load_state()
    asking.page.reload()
    assert [each["content"].strip() for each in asking.saved] == ["Count", "one", "two"]
    expect(asking.again).to_have_count(0)
    asking.complaints.clear()
