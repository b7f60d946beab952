"""Leaving the page: asked about where something would be lost, by link and by the way back, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Dialog, Route, expect

from tests.browser.browsers import reading
from tests.browser.columns import Columns
from tests.browser.led_voices import LedVoices
from tests.browser.reader import Reader
from tests.deploy.lockstep import LockstepUpstream, Stream
from tests.server import RunningServer

NAME = "session-20250819-143022-b0b1"
NOT_SAVED = (
    ": Connected to chat stream\nretry: 3000\nid: made-up-0\n\n"
    'id: made-up-1\nevent: token\ndata: {"text":"Only here."}\n\n'
    'id: made-up-2\nevent: failure\ndata: {"code":"NOT_SAVED","message":"The answer could not be saved. '
    'Copy it before you leave.","retryable":true,"request_id":"req_12345678"}\n\n'
    'id: made-up-3\nevent: done\ndata: {"finish_reason":"error"}\n\n'
)


class Questions:
    """What the browser asks somebody, who stays unless `leaves` is set."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.asked: list[str] = []
        self.leaves = False
        reader.page.on("dialog", self._answer)

    def _answer(self, dialog: Dialog) -> None:
        self.asked.append(dialog.type)
        if self.leaves:
            dialog.accept()
        else:
            dialog.dismiss()

    def wait_for(self, *kinds: str) -> None:
        """Until these were asked, and no others."""
        self.reader.until(lambda: len(self.asked) >= len(kinds))
        assert self.asked == list(kinds)


def follow_a_link(reader: Reader) -> None:
    reader.page.click("#conversations .new", no_wait_after=True)


def go_back(reader: Reader) -> None:
    reader.page.evaluate("history.back()")


def test_an_answer_runs_on_and_who_comes_back_finds_all_voices_live(
    columns: Columns, led_voices: LedVoices
) -> None:
    reader, both = columns.reader, ("seeker", "explorer")
    questions = Questions(reader)
    columns.ask(led_voices, *both)
    for voice in both:
        led_voices.give(voice, "one ")
    columns.reads(dict.fromkeys(both, "one "))
    follow_a_link(reader)
    expect(columns.page.locator("#welcome")).to_be_visible()
    for voice in both:
        led_voices.give(voice, "two ")
    columns.page.click("#conversation-list li:first-child a")
    columns.page.wait_for_selector(".voice")
    columns.reads(dict.fromkeys(both, "one two "))
    reader.visit("/password")
    columns.page.go_back()
    columns.page.wait_for_selector(".voice")
    columns.reads(dict.fromkeys(both, "one two "))
    led_voices.give("explorer", "three")
    columns.reads({"seeker": "one two ", "explorer": "one two three"})
    led_voices.end(*both)
    columns.wait_for_the_end()
    assert questions.asked == []


def test_a_message_that_is_under_way_is_asked_about(reader: Reader) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    reader.sign_in()
    reader.visit("/password")
    reader.visit("/")
    questions = Questions(reader)
    reader.page.route("**/api/v1/turns", hold)
    reader.send("simulate 5 tokens")
    reader.until(lambda: bool(held))
    follow_a_link(reader)
    questions.wait_for("beforeunload")
    go_back(reader)
    questions.wait_for("beforeunload", "beforeunload")
    expect(reader.own).to_have_count(1)
    held[0].continue_()
    reader.wait_for_the_end()
    follow_a_link(reader)
    expect(reader.page.locator("#welcome")).to_be_visible()
    assert len(questions.asked) == 2


def test_a_message_that_was_refused_is_in_the_draft_and_not_asked_about(reader: Reader) -> None:
    reader.sign_in()
    questions = Questions(reader)
    reader.context.set_offline(True)
    reader.send("simulate 5 tokens")
    expect(reader.page.locator("#composer-error")).to_contain_text("cannot be reached")
    reader.context.set_offline(False)
    reader.page.reload()
    expect(reader.page.locator("#message")).to_have_value("simulate 5 tokens")
    assert questions.asked == []
    reader.complaints.clear()  # the browser reports the failed request


@contextmanager
def unsaved(browser: Browser, server: RunningServer, upstream: LockstepUpstream) -> Iterator[Reader]:
    """Somebody whose answer has ended, and could not be saved: its stream is made up."""
    streams = [NOT_SAVED]

    def answer(route: Route) -> None:
        if streams:
            route.fulfill(body=streams.pop(), content_type="text/event-stream; charset=utf-8")
        else:
            route.fulfill(status=204)

    with reading(browser, server, scripts=True) as reader:
        reader.sign_in()
        reader.page.route("**/api/v1/turns/*/stream*", answer)
        reader.send("Count")
        upstream.wait_until_asked()
        expect(reader.replies.last).to_contain_text("could not be saved")
        yield reader
        reader.complaints.clear()
    upstream.end()


def test_an_answer_that_was_not_saved_is_asked_about_until_it_is_copied(
    browser: Browser, led_server: RunningServer, upstream: LockstepUpstream
) -> None:
    with unsaved(browser, led_server, upstream) as reader:
        questions = Questions(reader)
        follow_a_link(reader)
        questions.wait_for("beforeunload")
        reader.page.locator("#message").fill("something else")
        reader.page.keyboard.press("Control+A")
        reader.page.keyboard.press("Control+C")
        follow_a_link(reader)
        questions.wait_for("beforeunload", "beforeunload")
        assert reader.text == "Only here."
        reader.answer.click(click_count=3)
        reader.page.keyboard.press("Control+C")
        follow_a_link(reader)
        expect(reader.page.locator("#welcome")).to_be_visible()
        assert len(questions.asked) == 2


def test_the_way_back_to_the_page_before_the_conversation_can_be_called_off(
    browser: Browser, led_server: RunningServer, upstream: LockstepUpstream
) -> None:
    """The browser takes that for the same page, and asks nothing by itself."""
    with unsaved(browser, led_server, upstream) as reader:
        questions, here = Questions(reader), reader.page.url
        assert "/c/session-" in here
        go_back(reader)
        questions.wait_for("confirm")
        reader.until(lambda: reader.page.url == here)
        assert reader.text == "Only here."
        questions.leaves = True
        go_back(reader)
        expect(reader.page.locator("#welcome")).to_be_visible()
        assert reader.page.url == led_server.url + "/"
        assert questions.asked == ["confirm", "confirm"]


def test_a_place_on_the_page_is_not_left_for_another(reader: Reader) -> None:
    reader.sign_in()
    reader.send("simulate 5 tokens")
    reader.wait_for_the_end()
    reader.page.evaluate("window.still = 'here'; location.hash = 'message'; history.back()")
    reader.until(lambda: "#" not in reader.page.url)
    reader.page.wait_for_timeout(300)  # a reload would have begun by then
    assert reader.page.evaluate("window.still") == "here"


def test_an_answer_that_is_tied_to_a_program_s_connection_is_asked_about(
    browser: Browser, led_server: RunningServer, upstream: LockstepUpstream
) -> None:
    bearer = {"Authorization": f"Bearer {led_server.token}"}
    asked = {"message": "Count", "sessionId": NAME}
    with (
        Stream(led_server.port, "/api/v1/chat", asked, bearer) as stream,
        reading(browser, led_server, scripts=True) as reader,
    ):
        upstream.wait_until_asked()
        upstream.give("one ")
        assert stream.next_event("token") == {"text": "one "}
        reader.sign_in()
        reader.visit(f"/c/{NAME}")
        questions, note = Questions(reader), reader.page.locator("#bound-note")
        reader.until(lambda: reader.text == "one ")
        expect(note).to_contain_text("tied to the connection")
        reader.page.click("#message")  # who has touched nothing is not asked
        follow_a_link(reader)
        questions.wait_for("beforeunload")
        upstream.end()
        reader.wait_for_the_end()
        expect(note).to_have_count(0)
        follow_a_link(reader)
        expect(reader.page.locator("#welcome")).to_be_visible()
        assert len(questions.asked) == 1


def test_an_answer_that_is_soon_given_up_is_asked_about(
    browser: Browser, tmp_path: Path, upstream: LockstepUpstream
) -> None:
    settings = {
        "OPENAI_BASE_URL": upstream.url,
        "OPENAI_API_KEY": "key-for-the-test",
        "CHATAPP_ABANDON_S": "29",
    }
    server = RunningServer(tmp_path, settings)
    server.start()
    server.sign_up()
    try:
        with reading(browser, server, scripts=True) as reader:
            reader.ask(upstream)
            questions = Questions(reader)
            follow_a_link(reader)
            questions.wait_for("beforeunload")
            questions.leaves = True
            follow_a_link(reader)
            expect(reader.page.locator("#welcome")).to_be_visible()
            assert questions.asked == ["beforeunload", "beforeunload"]
    finally:
        upstream.end()
        server.kill()
