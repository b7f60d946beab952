"""An answer that is looked at again while it is written: after a reload, in a second tab, on coming back, when the
line is back."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.browser.browsers import reading
from tests.browser.cable import Cable
from tests.browser.reader import Reader
from tests.deploy.lockstep import LockstepUpstream
from tests.server import RunningServer


def test_a_reload_and_a_second_tab_show_the_text_so_far_and_go_on(
    asking: Reader, upstream: LockstepUpstream
) -> None:
    asking.page.reload()
    other = asking.second_tab()
    both_read(asking, other, "one ")
    upstream.give("two ")
    both_read(asking, other, "one two ")
    upstream.give("three")
    upstream.end()
    for tab in (asking, other):
        tab.wait_for_the_end()
        assert tab.text.strip() == asking.saved[-1]["content"] == "one two three"
        assert (tab.own.count(), tab.replies.count(), tab.again.count()) == (1, 1, 0)
        assert tab.complaints == []
    assert asking.saved[-1]["status"] == "complete"


def both_read(one: Reader, other: Reader, text: str) -> None:
    one.until(lambda: one.text == text)
    other.until(lambda: other.text == text)


def test_who_leaves_and_comes_back_finds_the_answer_going_on(
    asking: Reader, upstream: LockstepUpstream
) -> None:
    asking.page.click("#conversations .new")
    asking.page.wait_for_selector("#welcome")
    upstream.give("two ")
    asking.page.click("#conversation-list li:first-child a")
    asking.until(lambda: asking.text == "one two ")
    asking.visit("/password")
    upstream.give("three ")
    asking.page.go_back()
    asking.until(lambda: asking.text == "one two three ")
    upstream.give("four")
    upstream.end()
    asking.wait_for_the_end()
    assert asking.text.strip() == asking.saved[-1]["content"] == "one two three four"
    assert (asking.own.count(), asking.replies.count()) == (1, 1)


def test_a_line_that_breaks_gives_every_piece_once(
    browser: Browser, led_server: RunningServer, upstream: LockstepUpstream
) -> None:
    with Cable(led_server) as cable, reading(browser, cable, scripts=True) as asking:
        asking.ask(upstream)
        asking.until(lambda: asking.text == "one ")
        cable.cut()
        upstream.give("two ")
        asking.page.wait_for_selector("#connection:visible")
        cable.mend()
        asking.until(lambda: asking.text == "one two ")
        asking.page.wait_for_selector("#connection", state="hidden")
        upstream.give("three")
        upstream.end()
        asking.wait_for_the_end()
        assert asking.text.strip() == asking.saved[-1]["content"] == "one two three"
        asking.complaints.clear()  # the browser reports the failed requests
