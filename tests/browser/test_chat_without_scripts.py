"""The same page in a browser without JavaScript: forms, and a page that is itself the stream."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.reader import Reader

LONG = "simulate 4000 tokens"


def test_a_conversation(plain_reader: Reader) -> None:
    reader = plain_reader
    reader.sign_in()
    reader.send("What can an answer hold?")
    sizes = reader.sizes_until(lambda: reader.page.locator(".arriving > *").count(), 3)
    assert sizes == sorted(sizes)
    reader.page.wait_for_selector("#composer")  # it follows the answer
    reader.page.wait_for_load_state()
    assert "/c/session-" in reader.page.url
    expect(reader.answer.locator("h4")).to_have_text("A simulated answer")
    expect(reader.page.locator(".message-stop")).to_be_hidden()
    reader.page.reload()
    expect(reader.own).to_have_count(1)
    expect(reader.replies).to_have_count(1)
    expect(reader.answer.locator("table")).to_be_visible()
    reader.sign_out()
    reader.visit("/")
    assert "/sign-in" in reader.page.url


def test_a_reload_in_mid_answer(plain_reader: Reader) -> None:
    reader = plain_reader
    reader.sign_in()
    reader.send("What can an answer hold?")
    reader.sizes_until(lambda: reader.page.locator(".arriving > *").count(), 2)
    reader.page.reload(wait_until="commit")
    reader.sizes_until(lambda: reader.page.locator(".arriving > *").count(), 3)
    reader.page.wait_for_selector("#composer")
    expect(reader.own).to_have_count(1)
    expect(reader.answer.locator("table")).to_be_visible()


def test_stop(plain_reader: Reader) -> None:
    reader = plain_reader
    reader.sign_in()
    reader.send(LONG)
    reader.page.wait_for_selector(".message-stop button")
    reader.page.wait_for_timeout(1500)  # so that there is something to keep
    reader.page.click(".message-stop button")
    reader.page.wait_for_load_state()
    reader.page.reload()  # the page that came back may have been the end of the stream
    expect(reader.replies.last.locator(".message-note")).to_have_text("Stopped here.")
    expect(reader.answer).to_contain_text("The simulated model")


def test_a_refusal_gives_the_text_back(plain_reader: Reader) -> None:
    reader = plain_reader
    reader.sign_in()
    reader.send("x" * 4001)
    expect(reader.page.locator("#composer-error")).to_be_visible()
    expect(reader.page.locator("#message")).to_have_value("x" * 4001)
    reader.complaints.clear()  # the browser reports the 422


def test_scripts_that_are_switched_off_later(plain_reader: Reader) -> None:
    """The cookie still says that there are scripts; the page finds out by itself."""
    reader = plain_reader
    reader.context.add_cookies([{"name": "js", "value": "1", "url": reader.server.url}])
    reader.sign_in()
    reader.send("What can an answer hold?")
    reader.page.wait_for_url("**?live=1", wait_until="commit")
    reader.sizes_until(lambda: reader.page.locator(".arriving > *").count(), 3)
    reader.page.wait_for_selector("#composer")
