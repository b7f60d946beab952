"""Asking the same once more, where an answer is not whole."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.reader import Reader
from tests.deploy.lockstep import LockstepUpstream


def stop(reader: Reader) -> None:
    reader.page.click("#stop")
    reader.wait_for_the_end()
    expect(reader.again).to_be_visible()


def walk_back_to(reader: Reader, name: str) -> None:
    """By Shift+Tab, past the composer's other fields, to the button of that name."""
    for _ in range(20):
        reader.page.keyboard.press("Shift+Tab")
        if reader.page.evaluate("document.activeElement.textContent.trim()") == name:
            return


def test_an_answer_that_was_stopped_is_asked_again_by_keyboard(
    asking: Reader, upstream: LockstepUpstream
) -> None:
    stop(asking)
    asking.write("And then?")
    expect(asking.page.locator("#message")).to_be_focused()
    walk_back_to(asking, "Try again")
    expect(asking.again).to_be_focused()
    asking.page.keyboard.press("Enter")
    upstream.wait_until_asked()
    upstream.give("one two")
    asking.until(lambda: asking.text == "one two")
    expect(asking.again).to_have_count(0)
    expect(asking.own.locator(".message-text")).to_have_text(["Count"])
    expect(asking.page.locator(".earlier-try summary")).to_have_text("Earlier try: stopped")
    expect(asking.page.locator("#message")).to_have_value("And then?")
    upstream.end()
    asking.wait_for_the_end()
    expect(asking.again).to_have_count(0)


def test_another_message_takes_the_offer_away(asking: Reader, upstream: LockstepUpstream) -> None:
    stop(asking)
    asking.send("Go on")
    upstream.wait_until_asked()
    expect(asking.again).to_have_count(0)
    upstream.give("two")
    upstream.end()
    asking.wait_for_the_end()
    expect(asking.again).to_have_count(0)


def test_a_message_that_did_not_get_through_leaves_the_offer(asking: Reader) -> None:
    stop(asking)
    asking.context.set_offline(True)
    asking.send("Go on")
    expect(asking.page.locator("#composer-error")).to_contain_text("cannot be reached")
    expect(asking.again).to_be_visible()
    asking.context.set_offline(False)
    asking.complaints.clear()


def test_two_tabs_that_ask_again_ask_once(asking: Reader, upstream: LockstepUpstream) -> None:
    stop(asking)
    other = asking.second_tab()
    asking.again.click()
    upstream.wait_until_asked()
    upstream.give("one two")
    upstream.end()
    asking.wait_for_the_end()
    other.again.click()
    other.page.wait_for_selector(".earlier-try")
    other.wait_for_the_end()
    assert other.text.strip() == "one two"
    assert len(asking.saved) == 3


def test_the_offer_on_320_pixels(asking: Reader) -> None:
    asking.page.set_viewport_size({"width": 320, "height": 640})
    stop(asking)
    assert asking.page.evaluate("document.documentElement.scrollWidth") == 320
    asking.page.locator("#connection").evaluate(
        "each => { each.hidden = false; each.textContent = 'x '.repeat(60) }"
    )
    assert asking.page.evaluate("document.documentElement.scrollWidth") == 320
