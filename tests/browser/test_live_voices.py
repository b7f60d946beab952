"""Several voices on the page that is a stream, in a browser without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Locator, expect

from chatapp.turns.built_in_voices import BUILT_IN
from chatapp.web.colours.shade import shades
from tests.browser.browsers import reading
from tests.browser.led_voices import LedVoices
from tests.browser.reader import Reader
from tests.server import RunningServer
from tests.web.markdown.hostile import MORSELS

VOICES = ["seeker", "explorer", "maintainer", "analyzer", "developer"]
PATIENCE_MS = 30_000


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def asking(browser: Browser, led_voices: LedVoices, voices_server: RunningServer) -> Iterator[Reader]:
    """Somebody who has asked all five, and looks at the page."""
    with reading(browser, voices_server, scripts=False) as reader:
        reader.page.set_viewport_size({"width": 1440, "height": 900})
        reader.page.goto(ask(reader, voices_server, led_voices), wait_until="commit")
        yield reader
    led_voices.end_all()


def ask(reader: Reader, server: RunningServer, upstream: LedVoices) -> str:
    """Asks all five, and gives the address of the page that streams; upstream is asked by each when this returns."""
    reader.sign_in()
    asked = reader.context.request.post(
        f"{server.url}/api/v1/turns",
        headers={"Authorization": f"Bearer {server.token}"},
        data={"message": "What now?", "voices": VOICES},
    )
    upstream.wait_until_asked(*VOICES)
    return f"{server.url}/c/{asked.json()['session_id']}"


def column(reader: Reader, voice: str) -> Locator:
    return reader.page.locator(".live-voice").nth(VOICES.index(voice))


def blocks(reader: Reader, voice: str) -> Locator:
    """What is in the place of that voice; each is a child of the host of the places."""
    return reader.page.locator(f".live-voices > .prose[slot=v{VOICES.index(voice) + 1}]")


def lies_within(inner: Locator, outer: Locator) -> bool:
    one, other = inner.bounding_box(), outer.bounding_box()
    assert one is not None and other is not None
    return (
        other["x"] <= one["x"]
        and one["x"] + one["width"] <= other["x"] + other["width"] + 1
        and other["y"] <= one["y"]
        and one["y"] + one["height"] <= other["y"] + other["height"] + 1
    )


def test_voices_are_written_beside_one_another(asking: Reader, led_voices: LedVoices) -> None:
    reader = asking
    for voice in VOICES:
        expect(column(reader, voice).locator("h2")).to_have_text(BUILT_IN[voice].name, timeout=PATIENCE_MS)
        expect(column(reader, voice).locator(".waiting")).to_be_visible()
    for number in range(3):
        for voice in ("explorer", "seeker"):
            led_voices.give(voice, f"Block {number} of {voice}.\n\nAnd ")
            expect(blocks(reader, voice)).to_have_count(number + 1, timeout=PATIENCE_MS)
            assert lies_within(blocks(reader, voice).last, column(reader, voice))
    left, right = (column(reader, voice).bounding_box() for voice in ("seeker", "explorer"))
    assert left is not None and right is not None
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] < right["x"]
    expect(reader.page.locator("#composer")).to_have_count(0)  # it has not come yet


def test_each_voice_ends_by_itself(asking: Reader, led_voices: LedVoices) -> None:
    reader = asking
    led_voices.give("seeker", "All of it.")
    led_voices.end("seeker")
    led_voices.give("explorer", "Half of\n\n")
    led_voices.cut("explorer")
    expect(blocks(reader, "seeker")).to_have_text(["All of it."], timeout=PATIENCE_MS)
    expect(column(reader, "seeker").locator(".message-stop")).to_be_hidden()
    expect(column(reader, "seeker").locator(".waiting")).to_be_hidden()
    failed = reader.page.locator(".live-voices > .failure")
    expect(failed).to_be_visible(timeout=PATIENCE_MS)
    assert lies_within(failed, column(reader, "explorer"))
    expect(column(reader, "analyzer").locator(".waiting")).to_be_visible()
    expect(reader.page.locator(".live-stop")).to_be_visible()
    expect(reader.again).to_have_count(0)
    led_voices.end("maintainer", "analyzer", "developer")
    expect(reader.page.locator("#composer")).to_be_visible(timeout=PATIENCE_MS)
    expect(reader.page.locator(".live-stop")).to_be_hidden()
    expect(reader.again).to_have_count(1)
    assert lies_within(reader.again, column(reader, "explorer"))


def test_a_reload_in_mid_answer(asking: Reader, led_voices: LedVoices) -> None:
    reader = asking
    for voice in VOICES:
        led_voices.give(voice, f"From {voice}.\n\n")
        expect(blocks(reader, voice)).to_have_count(1, timeout=PATIENCE_MS)
    led_voices.end("analyzer")
    reader.page.reload(wait_until="commit")
    for voice in VOICES:
        expect(blocks(reader, voice)).to_have_text([f"From {voice}."], timeout=PATIENCE_MS)
    led_voices.give("developer", "On and on.\n\n")
    expect(blocks(reader, "developer")).to_have_count(2, timeout=PATIENCE_MS)


def test_stop_all(asking: Reader, led_voices: LedVoices) -> None:
    reader = asking
    led_voices.give("seeker", "Something to keep.\n\n")
    expect(blocks(reader, "seeker")).to_have_count(1, timeout=PATIENCE_MS)
    reader.page.click(".live-stop button")
    reader.page.wait_for_load_state()
    reader.until(lambda: {each["status"] for each in reader.saved[1:]} == {"cancelled"})
    assert reader.saved[1]["content"].strip() == "Something to keep."


def test_names_and_dots_are_in_the_shades_of_their_colours(
    browser: Browser, led_voices: LedVoices, voices_server: RunningServer, scheme: str
) -> None:
    with reading(browser, voices_server, scripts=False) as reader:
        reader.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        reader.page.goto(ask(reader, voices_server, led_voices), wait_until="commit")
        for voice in VOICES:
            shade = shades(BUILT_IN[voice].colour)[scheme == "dark"]
            rgb = f"rgb({', '.join(str(int(shade[at : at + 2], 16)) for at in (1, 3, 5))})"
            expect(column(reader, voice).locator("h2")).to_have_css("color", rgb, timeout=PATIENCE_MS)
            expect(column(reader, voice).locator(".swatch")).to_have_css("background-color", rgb)
        led_voices.end(*VOICES)
        expect(reader.page.locator("#composer")).to_be_visible(timeout=PATIENCE_MS)


def test_a_narrow_screen_has_them_under_one_another(asking: Reader, led_voices: LedVoices) -> None:
    reader = asking
    reader.page.set_viewport_size({"width": 320, "height": 700})
    led_voices.give("seeker", "```\n" + "a_long_line_of_code " * 20 + "\n```\n\n")
    expect(blocks(reader, "seeker")).to_have_count(1, timeout=PATIENCE_MS)
    boxes = [column(reader, voice).bounding_box() for voice in VOICES]
    assert len({box["x"] for box in boxes if box}) == 1
    assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= 320 for box in boxes)
    assert lies_within(blocks(reader, "seeker"), column(reader, "seeker"))


def test_labels_are_for_browsers_without_slots(asking: Reader, led_voices: LedVoices) -> None:
    reader = asking
    for voice in ("seeker", "explorer", "seeker"):
        led_voices.give(voice, "A block.\n\n")
        reader.page.wait_for_timeout(100)  # one after the other, as far as that can be had
    expect(blocks(reader, "seeker")).to_have_count(2, timeout=PATIENCE_MS)
    labels = reader.page.locator(".live-label")
    assert labels.count() >= 2
    assert not any(labels.nth(number).is_visible() for number in range(labels.count()))
    heard = reader.page.locator("main").aria_snapshot()
    assert heard.count("paragraph: A block.") == 3
    assert "paragraph: Seeker" not in heard


def test_a_browser_that_knows_no_slots_shows_labelled_blocks(
    browser: Browser, led_voices: LedVoices, voices_server: RunningServer
) -> None:
    with reading(browser, voices_server, scripts=False) as reader:
        where = ask(reader, voices_server, led_voices)
        page = Request(where, headers={"Authorization": f"Bearer {voices_server.token}"})
        with urlopen(page, timeout=PATIENCE_MS / 1000) as streamed:
            for voice in VOICES:
                led_voices.give(voice, f"From {voice}.\n\n")
            led_voices.end(*VOICES)
            html = streamed.read().decode().replace("shadowrootmode", "data-unknown")
        reader.page.route(where, lambda route: route.fulfill(body=html, content_type="text/html"))
        reader.page.goto(where)
        for voice in VOICES:
            expect(blocks(reader, voice)).to_be_visible()
            label = reader.page.locator(".live-label", has_text=BUILT_IN[voice].name).first
            expect(label).to_be_visible()
        expect(reader.page.locator(".live-voice")).to_have_count(0)


def test_what_a_voice_writes_stays_in_its_place(asking: Reader, led_voices: LedVoices) -> None:
    reader = asking
    for morsel in MORSELS:
        if "\ud800" not in morsel:
            led_voices.give("explorer", f"{morsel}\n\n")
    led_voices.give("explorer", "\n\n</div></template></section><div slot=v1>x</div>\n\n")
    led_voices.end(*VOICES)
    expect(reader.page.locator("#composer")).to_be_visible(timeout=PATIENCE_MS)
    expect(reader.page.locator("css:light=.live-voices > :not([slot])")).to_have_count(0)
    expect(reader.page.locator("css:light=.live-voices > [slot] [slot]")).to_have_count(0)
    expect(blocks(reader, "seeker")).to_have_count(0)
    assert blocks(reader, "explorer").count() > 10
    expect(reader.page.locator(".live-turn > .finished")).to_have_count(1)


def test_two_of_them_are_compared(asking: Reader, led_voices: LedVoices) -> None:
    reader = asking
    led_voices.give("seeker", "It is quick and cheap.")
    led_voices.give("explorer", "It is slow and cheap.")
    led_voices.end(*VOICES)
    expect(reader.page.locator("#composer")).to_be_visible(timeout=PATIENCE_MS)
    reader.page.reload()
    reader.page.click(".compare-link")
    sides = reader.page.locator(".compare-side")
    expect(sides).to_have_count(2, timeout=PATIENCE_MS)
    expect(sides.first.locator("del")).to_have_text("[only here: quick]")
    expect(sides.last.locator("ins")).to_have_text("[only here: slow]")
    expect(sides.first.locator("del")).to_have_css("text-decoration-line", "line-through")
    expect(sides.last.locator("ins")).to_have_css("text-decoration-line", "underline")
    left, right = sides.first.bounding_box(), sides.last.bounding_box()
    assert left is not None and right is not None and left["y"] == right["y"]
    reader.page.set_viewport_size({"width": 320, "height": 700})
    left, right = sides.first.bounding_box(), sides.last.bounding_box()
    assert left is not None and right is not None and left["y"] + left["height"] <= right["y"]
    assert right["x"] >= 0 and right["x"] + right["width"] <= 320
    reader.page.select_option("#right", label="Maintainer")
    reader.page.click(".compare-choice button")
    expect(sides.last.locator("h2")).to_have_text("Maintainer", timeout=PATIENCE_MS)
    expect(sides.last.locator(".notice")).to_have_text("This reply has no text.")
