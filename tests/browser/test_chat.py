"""The page as people use it, in a real browser, with scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.reader import Reader

LONG = "simulate 4000 tokens"
SHORT = "simulate 30 tokens"


def test_a_conversation(reader: Reader) -> None:
    reader.sign_in()
    reader.send("What can an answer hold?")
    sizes = reader.sizes_until(lambda: len(reader.answer.text_content() or ""), 4)
    assert sizes == sorted(sizes)
    assert "/c/session-" in reader.page.url
    reader.wait_for_the_end()
    expect(reader.answer.locator("h4")).to_have_text("A simulated answer")
    expect(reader.answer.locator("math")).to_have_count(1)
    expect(reader.page.locator("#message")).to_be_focused()
    reader.page.reload()
    expect(reader.own).to_have_count(1)
    expect(reader.own.locator(".message-text")).to_have_text("What can an answer hold?")
    expect(reader.answer.locator("table")).to_be_visible()
    expect(reader.page.locator("#conversation-list [aria-current]")).to_have_text("What can an answer hold?")
    reader.sign_out()
    reader.visit("/")
    assert "/sign-in" in reader.page.url


def test_it_says_that_the_model_is_simulated(reader: Reader) -> None:
    reader.sign_in()
    expect(reader.page.locator("#composer-hint")).to_contain_text("Simulated model")
    reader.send(SHORT)
    reader.wait_for_the_end()
    expect(reader.replies.last.locator(".message-model")).to_contain_text("simulated")


def test_stop(reader: Reader) -> None:
    reader.sign_in()
    reader.send(LONG)
    reader.sizes_until(lambda: len(reader.answer.text_content() or ""), 3)
    reader.page.click("#stop")
    reader.wait_for_the_end()
    expect(reader.replies.last.locator(".message-note")).to_have_text("Stopped here.")
    expect(reader.answer).to_contain_text("The simulated model")
    reader.send(SHORT)
    reader.until(lambda: reader.replies.count() == 2)
    reader.wait_for_the_end()
    expect(reader.own).to_have_count(2)


def test_a_message_while_the_answer_is_written_elsewhere(reader: Reader) -> None:
    reader.sign_in()
    reader.send(SHORT)
    reader.wait_for_the_end()
    other = Reader(reader.context, reader.server)
    other.page.goto(reader.page.url)
    reader.page.bring_to_front()  # a hidden tab draws no frames
    reader.send(LONG)
    reader.sizes_until(lambda: len(reader.answer.text_content() or ""), 2)
    other.send("And me?")
    expect(other.page.locator("#composer-error")).to_contain_text("answer")
    expect(other.page.locator("#message")).to_have_value("And me?")
    expect(other.own).to_have_count(1)
    reader.page.click("#stop")
    reader.wait_for_the_end()


def test_a_session_that_ended_keeps_the_text(reader: Reader) -> None:
    reader.sign_in()
    reader.context.clear_cookies()
    reader.send("Do not lose me")
    expect(reader.page.locator("#composer-error")).to_contain_text("Sign in again")
    expect(reader.page.locator("#message")).to_have_value("Do not lose me")
    expect(reader.own).to_have_count(0)
    reader.complaints.clear()  # the browser reports the 401


def test_a_lost_line_keeps_the_text_and_posts_once(reader: Reader) -> None:
    reader.sign_in()
    reader.context.set_offline(True)
    reader.send(SHORT)
    expect(reader.page.locator("#composer-error")).to_contain_text("cannot be reached")
    reader.context.set_offline(False)
    reader.page.press("#message", "Enter")
    reader.page.press("#message", "Enter")
    reader.wait_for_the_end()
    expect(reader.own).to_have_count(1)
    reader.complaints.clear()  # the browser reports the failed request


def test_a_message_that_a_process_about_to_end_refuses_is_sent_again(reader: Reader) -> None:
    """Which process a browser's kept connections lead to is chance; so the first three answers are made up."""
    left = [503, 503, 503]

    def refuse(route: Route) -> None:
        if left:
            route.fulfill(
                status=left.pop(), json={"code": "DRAINING", "message": "The server is restarting."}
            )
        else:
            route.continue_()

    reader.sign_in()
    reader.page.route("**/api/v1/turns", refuse)
    reader.send("simulate 5 tokens")
    reader.wait_for_the_end()
    assert left == []
    expect(reader.own).to_have_count(1)
    expect(reader.page.locator("#composer-error")).to_be_hidden()
    reader.complaints.clear()


def test_a_draft_outlives_a_reload(reader: Reader) -> None:
    reader.sign_in()
    reader.write("Not yet")
    reader.page.reload()
    expect(reader.page.locator("#message")).to_have_value("Not yet")


@pytest.mark.parametrize(("length", "counter"), [(3599, None), (3601, "3601 / 4000"), (4001, "4001 / 4000")])
def test_the_counter(reader: Reader, length: int, counter: str | None) -> None:
    reader.sign_in()
    reader.write("é" * length)
    if counter is None:
        expect(reader.page.locator("#counter")).to_be_hidden()
    else:
        expect(reader.page.locator("#counter")).to_have_text(counter)
    if length > 4000:
        reader.page.press("#message", "Enter")
        expect(reader.page.locator("#composer-error")).to_have_text("The message is 1 characters too long.")


def test_the_keyboard_is_enough(reader: Reader) -> None:
    reader.visit("/sign-in")
    keyboard = reader.page.keyboard
    keyboard.type(reader.server.email)
    keyboard.press("Tab")
    keyboard.type(reader.server.password)
    keyboard.press("Enter")
    reader.page.wait_for_url(reader.server.url + "/")
    expect(reader.page.locator("#message")).to_be_focused()
    keyboard.type("simulate 4000")
    keyboard.press("Shift+Enter")
    keyboard.type("tokens")
    keyboard.press("Enter")
    reader.sizes_until(lambda: len(reader.answer.text_content() or ""), 3)
    assert reader.own.locator(".message-text").text_content() == "simulate 4000\ntokens"
    keyboard.press("Tab")
    expect(reader.page.locator("#stop")).to_be_focused()
    keyboard.press("Enter")
    reader.wait_for_the_end()
    expect(reader.page.locator("#message")).to_be_focused()


def test_a_screen_reader_is_told_twice(reader: Reader) -> None:
    """That the answer has begun, and what it says: not each token."""
    reader.sign_in()
    reader.send(SHORT)
    expect(reader.page.locator("#announcer")).to_have_text("The answer is being written.")
    expect(reader.replies.last).to_have_attribute("aria-busy", "true")
    reader.wait_for_the_end()
    expect(reader.page.locator("#announcer")).to_contain_text("The simulated model goes on")
    assert reader.replies.last.get_attribute("aria-busy") is None


def test_320_pixels_are_enough(reader: Reader, tmp_path: Path) -> None:
    reader.page.set_viewport_size({"width": 320, "height": 640})
    reader.sign_in()
    reader.send("simulate 20 tokens " + "x" * 200)
    reader.wait_for_the_end()
    for path in ("/password", "/", reader.page.url.removeprefix(reader.server.url)):
        reader.visit(path)
        assert reader.page.evaluate("document.documentElement.scrollWidth") == 320
    reader.page.click("text=Conversations")
    expect(reader.page.locator("#conversations .new")).to_be_visible()
    assert reader.page.screenshot(path=tmp_path / "narrow.png")


def test_dark(reader: Reader, tmp_path: Path) -> None:
    reader.visit("/sign-in")
    expect(reader.page.locator("html")).to_have_css("background-color", "rgb(250, 248, 244)")
    reader.page.emulate_media(color_scheme="dark")
    expect(reader.page.locator("html")).to_have_css("background-color", "rgb(20, 24, 27)")
    assert reader.page.screenshot(path=tmp_path / "dark.png")


def test_escape_closes_the_account_menu(reader: Reader) -> None:
    reader.sign_in()
    menu = reader.page.locator("details.account")
    reader.page.click(".account summary")
    expect(menu).to_have_attribute("open", "")
    reader.page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()
