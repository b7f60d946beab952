"""The composer's choice of voices, as people use it: who answers, what it costs, by keyboard, on small screens."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from chatapp.web.pages.amount import dollars
from tests.browser.browsers import reading
from tests.browser.reader import Reader
from tests.server import RunningServer

ALL = ["seeker", "explorer", "maintainer", "analyzer", "developer", "implementor"]
SHORT = "simulate 5 tokens"


@pytest.fixture(scope="module")
def priced_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One whose model has a known price."""
    running = RunningServer(tmp_path_factory.mktemp("priced"), {"CHATAPP_DEFAULT_MODEL": "gpt-4o-mini"})
    running.start()
    running.sign_up()
    yield running
    running.kill()


@pytest.fixture
def asker(browser: Browser, priced_server: RunningServer) -> Iterator[Reader]:
    """Somebody with scripts, who looks at the choice of a new conversation."""
    with reading(browser, priced_server, scripts=True) as reader:
        reader.sign_in()
        opened(reader)
        yield reader


@pytest.fixture
def plain_asker(browser: Browser, priced_server: RunningServer) -> Iterator[Reader]:
    """The same without scripts."""
    with reading(browser, priced_server, scripts=False) as reader:
        reader.sign_in()
        opened(reader)
        yield reader


def opened(reader: Reader) -> None:
    reader.page.click("#voice-picker summary")


def tick(reader: Reader, *voices: str) -> None:
    for voice in voices:
        reader.page.locator(f"#ask-{voice}").check()


def ticked(reader: Reader) -> list[str]:
    found: list[str] = reader.page.locator("#voice-picker :checked").evaluate_all(
        "all => all.map((each) => each.value)"
    )
    return found


def who(reader: Reader) -> Locator:
    return reader.page.locator(".picker-who")


def cost(reader: Reader) -> Locator:
    return reader.page.locator(".picker-cost")


def answered(reader: Reader) -> list[str]:
    """Who answers the newest message, in alphabetical order."""
    replies = reader.page.locator(".exchange:last-child .message-reply")
    return sorted(replies.evaluate_all("all => all.map((each) => each.dataset.voice)"))


def estimate(reader: Reader, server: RunningServer, message: str, *voices: str) -> float:
    """What the API says that it costs."""
    answer = reader.context.request.post(
        f"{server.url}/api/v1/estimates",
        headers={"Authorization": f"Bearer {server.token}"},
        data={"message": message, "voices": list(voices)},
    )
    found: float = answer.json()["cost_usd_at_most"]
    return found


def test_the_words_and_the_costs_follow_the_boxes_and_the_text(
    asker: Reader, priced_server: RunningServer
) -> None:
    expect(who(asker)).to_have_text("Seeker")
    tick(asker, "explorer")
    expect(who(asker)).to_have_text("Seeker, Explorer")
    tick(asker, "maintainer", "developer")
    expect(who(asker)).to_have_text("Seeker and 3 more")
    expect(asker.page.locator(".picker-dots .swatch")).to_have_count(4)
    for message in ("x" * 4000, "日本語 👍 é " * 300):
        asker.write(message)
        for voices, place in (
            (["seeker", "explorer", "maintainer", "developer"], ".picker-cost"),
            (ALL, ".picker-all"),
        ):
            told = f"up to about {dollars(estimate(asker, priced_server, message, *voices))}"
            expect(asker.page.locator(place)).to_have_text(told)
    price = asker.page.locator("li:has(#ask-seeker) .picker-price")
    expect(price).to_have_text(f"up to about {dollars(estimate(asker, priced_server, message, 'seeker'))}")


def test_scripts_and_server_say_the_same(asker: Reader, plain_asker: Reader) -> None:
    for reader in (asker, plain_asker):
        expect(cost(reader)).to_have_text("up to about $0.0012")
    parts = (".picker-who", ".picker-cost", ".picker-all", ".picker-price >> nth=3")
    for part in parts:
        assert asker.page.inner_text(part) == plain_asker.page.inner_text(part)


def test_all_are_asked_and_the_default_again(asker: Reader) -> None:
    asker.page.get_by_role("button", name="All 6").click()
    expect(who(asker)).to_have_text("All 6 voices")
    asker.send(SHORT)
    asker.page.wait_for_selector("#send:visible")
    asker.until(lambda: answered(asker) == sorted(ALL))
    assert ticked(asker) == ALL
    asker.page.wait_for_selector(".exchange-foot", state="attached")
    asker.page.reload()
    expect(who(asker)).to_have_text("All 6 voices")
    opened(asker)
    asker.page.get_by_role("button", name="Only Seeker").click()
    assert ticked(asker) == ["seeker"]
    asker.send(SHORT)
    asker.until(lambda: answered(asker) == ["seeker"])
    asker.wait_for_the_end()


def test_what_was_said_since_costs_more(asker: Reader) -> None:
    before = asker.page.locator("#ask-seeker").get_attribute("data-cost-usd")
    asker.send("x" * 4000)
    asker.wait_for_the_end()
    asker.until(lambda: asker.page.locator("#ask-seeker").get_attribute("data-cost-usd") != before)
    now = asker.page.locator("#ask-seeker").get_attribute("data-cost-usd")
    assert float(now or 0) > float(before or math.inf) + 1000 * 0.15 / 1_000_000


def test_where_nobody_is_ticked_the_default_answers(asker: Reader) -> None:
    asker.page.locator("#ask-seeker").uncheck()
    expect(asker.page.locator(".picker-note")).to_have_text("Nobody is ticked: Seeker answers.")
    expect(who(asker)).to_have_text("Seeker")
    asker.send(SHORT)
    asker.until(lambda: answered(asker) == ["seeker"])
    asker.wait_for_the_end()


def test_more_than_the_limit_cannot_be_ticked(browser: Browser, tmp_path: Path) -> None:
    server = RunningServer(tmp_path, {"CHATAPP_VOICES_PER_TURN": "2"})
    server.start()
    server.sign_up()
    try:
        with reading(browser, server, scripts=True) as reader:
            reader.sign_in()
            opened(reader)
            expect(reader.page.locator(".picker-sum")).to_have_text(
                "2 of these 6 can be asked at once, and no more."
            )
            tick(reader, "explorer")
            reader.page.locator("#ask-developer").click()
            assert ticked(reader) == ["seeker", "explorer"]
            note = reader.page.locator(".picker-note")
            expect(note).to_have_text("At most 2 voices answer one message: untick another first.")
            reader.page.locator("#ask-seeker").uncheck()
            expect(note).to_be_empty()
            tick(reader, "developer")
            expect(who(reader)).to_have_text("Explorer, Developer")
            expect(cost(reader)).to_have_text("price not known")
    finally:
        server.kill()


@pytest.mark.parametrize("message", ["", "Not yet"])
def test_the_choice_outlives_a_reload_with_the_draft(asker: Reader, message: str) -> None:
    asker.write(message)
    tick(asker, "explorer")
    asker.page.reload()
    expect(asker.page.locator("#message")).to_have_value(message)
    expect(who(asker)).to_have_text("Seeker, Explorer")
    opened(asker)
    asker.page.locator("#ask-explorer").uncheck()
    asker.page.reload()
    expect(who(asker)).to_have_text("Seeker")


def test_a_message_that_did_not_get_through_can_go_to_others(asker: Reader) -> None:
    """It may have arrived all the same: to others it is another message, and no conflict."""
    asker.page.route("**/api/v1/turns", lambda route: (route.fetch(), route.abort())[1])
    asker.send(SHORT)
    expect(asker.page.locator("#composer-error")).to_contain_text("cannot be reached")
    asker.page.unroute("**/api/v1/turns")
    tick(asker, "explorer")
    asker.page.click("#send")
    asker.until(lambda: answered(asker) == ["explorer", "seeker"])
    asker.page.wait_for_selector("#send:visible")
    asker.complaints.clear()  # the browser reports the failed request


def test_the_keyboard_is_enough_and_a_screen_reader_is_told(asker: Reader) -> None:
    picker = asker.page.locator("#voice-picker")
    expect(asker.page.get_by_role("group", name="Who answers")).to_be_visible()
    expect(asker.page.get_by_role("checkbox", name="Explorer", exact=True)).to_be_visible()
    about = asker.page.locator("#about-explorer")
    expect(about).to_contain_text("Opens the question up")
    keyboard = asker.page.keyboard
    picker.locator("summary").focus()
    keyboard.press("Enter")
    expect(picker).not_to_have_attribute("open", "")
    keyboard.press("Enter")
    for _ in range(4):  # two buttons, and two boxes
        keyboard.press("Tab")
    expect(asker.page.locator("#ask-explorer")).to_be_focused()
    keyboard.press("Space")
    assert ticked(asker) == ["seeker", "explorer"]
    keyboard.press("Escape")
    expect(picker).not_to_have_attribute("open", "")
    expect(picker.locator("summary")).to_be_focused()


@pytest.mark.parametrize(("width", "height"), [(320, 640), (640, 320), (320, 480)])
def test_on_a_small_screen_the_list_covers_nothing(asker: Reader, width: int, height: int) -> None:
    asker.page.set_viewport_size({"width": width, "height": height})
    asker.page.get_by_role("button", name="All 6").click()
    asker.write("A question of some length. " * 10)
    assert asker.page.evaluate("document.documentElement.scrollWidth") == width
    choice = asker.page.locator("#voice-picker").bounding_box()
    text = asker.page.locator("#message").bounding_box()
    bar = asker.page.locator(".bar").bounding_box()
    assert choice
    assert text
    assert bar
    assert bar["height"] <= choice["y"], "its head is in sight"
    assert choice["y"] + choice["height"] <= text["y"] + 1
    assert text["y"] + text["height"] <= height
    tick(asker, "implementor")  # the last can be reached


def test_without_scripts_the_boxes_are_a_form(plain_asker: Reader) -> None:
    reader = plain_asker
    expect(reader.page.get_by_role("button", name="All 6")).to_have_count(0)
    tick(reader, "explorer")
    reader.write("simulate 30 tokens")
    reader.page.click("#send")
    reader.page.wait_for_url("**/c/**", wait_until="commit")
    reader.page.wait_for_selector("#composer")  # it follows the answers, of which this page is the stream
    reader.page.reload()
    assert answered(reader) == ["explorer", "seeker"]
    assert ticked(reader) == ["seeker", "explorer"]
    expect(who(reader)).to_have_text("Seeker, Explorer")
    opened(reader)
    reader.page.locator("#ask-seeker").uncheck()
    reader.send("x" * 4001)
    expect(reader.page.locator("#composer-error")).to_be_visible()
    assert ticked(reader) == ["explorer"]
    reader.complaints.clear()  # the browser reports the 422
