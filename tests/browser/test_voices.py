"""Several voices answer one message at once, in columns: live, in several tabs, with the keyboard, in colour."""

from __future__ import annotations

import pytest
from playwright.sync_api import Request, expect

from tests.browser.columns import Columns, contrast
from tests.browser.led_voices import LedVoices
from tests.server import RunningServer

FIVE = ("seeker", "explorer", "maintainer", "analyzer", "developer")
LONG = "A line of this answer.\n" * 60


def begin(columns: Columns, led_voices: LedVoices, *voices: str) -> None:
    """Asks these voices; each has said its first words, which are on the page."""
    columns.ask(led_voices, *voices)
    for voice in voices:
        led_voices.give(voice, f"I am the {voice}. ")
    columns.reads({voice: led_voices.said[voice] for voice in voices})


def said(led_voices: LedVoices, *voices: str) -> dict[str, str]:
    return {voice: led_voices.said[voice] for voice in voices}


def test_five_voices_are_typed_out_side_by_side_over_one_line(
    columns: Columns, led_voices: LedVoices
) -> None:
    streams: list[Request] = []
    columns.page.on("request", lambda each: streams.append(each) if "/stream" in each.url else None)
    columns.page.set_viewport_size({"width": 1800, "height": 900})
    begin(columns, led_voices, *FIVE)
    boxes = [columns.of(voice).bounding_box() for voice in FIVE]
    assert len({box["y"] for box in boxes if box}) == 1
    lefts = [box["x"] for box in boxes if box]
    assert lefts == sorted(set(lefts))
    led_voices.give("analyzer", "And more")
    columns.reads(said(led_voices, *FIVE))
    expect(columns.of("analyzer").locator("h2")).to_have_text("Analyzer")
    assert set(columns.states.values()) == {"Writing"}
    led_voices.end(*FIVE)
    columns.wait_for_the_end()
    assert {voice: text.strip() for voice, text in columns.texts.items()} == {
        voice: text.strip() for voice, text in said(led_voices, *FIVE).items()
    }
    assert set(columns.states.values()) == {"Done"}
    assert len(streams) == 1


def test_three_tabs_while_one_voice_fails_one_is_stopped_and_one_tab_reloads(
    columns: Columns, led_voices: LedVoices
) -> None:
    begin(columns, led_voices, *FIVE)
    tabs = [columns, *(Columns(columns.reader.second_tab()) for _ in range(2))]
    for voice in FIVE:
        led_voices.give(voice, "More of it. ")
    for tab in tabs:
        tab.reads(said(led_voices, *FIVE))

    led_voices.cut("developer")
    columns.of("analyzer").get_by_role("button", name="Stop Analyzer").click()
    assert led_voices.hung_up("analyzer", 20)
    states = dict.fromkeys(FIVE, "Writing") | {"developer": "Failed", "analyzer": "Stopped"}
    for tab in tabs:
        tab.show(states)
        expect(tab.of("developer").locator(".message-failed")).to_contain_text("cut off")
        expect(tab.of("analyzer").get_by_role("button", name="Stop")).to_have_count(0)

    tabs[1].page.reload()
    for voice in FIVE[:3]:
        led_voices.give(voice, "The rest.")
    elsewhere = columns.reader.second_tab()
    elsewhere.visit("/password")
    expect(elsewhere.page.locator("h1")).to_be_visible()
    written = said(led_voices, *FIVE[:3])
    for tab in tabs:
        tab.read_among_others(written)
        tab.show(states)

    led_voices.end(*FIVE[:3])
    for tab in tabs:
        tab.wait_for_the_end()
        assert tab.html == columns.html
        assert tab.reader.complaints == []
    saved = {each["voice"]: each for each in columns.reader.saved if each["voice"]}
    assert {voice: each["content"] for voice, each in saved.items()} == said(led_voices, *FIVE)
    statuses = dict.fromkeys(FIVE, "complete") | {"developer": "partial", "analyzer": "cancelled"}
    assert {voice: each["status"] for voice, each in saved.items()} == statuses
    assert {voice: text.strip() for voice, text in columns.texts.items()} == {
        voice: each["content"].strip() for voice, each in saved.items()
    }


def test_a_server_that_dies_leaves_what_was_saved_of_each(
    columns: Columns, led_voices: LedVoices, voices_server: RunningServer
) -> None:
    begin(columns, led_voices, "seeker", "explorer")
    expected = said(led_voices, "seeker", "explorer")
    columns.reader.until(
        lambda: {each["voice"]: each["content"] for each in columns.reader.saved[1:]} == expected
    )
    voices_server.kill()
    voices_server.start()
    columns.wait_for_the_end()
    assert columns.states == {"seeker": "Failed", "explorer": "Failed"}
    assert {voice: text.strip() for voice, text in columns.texts.items()} == {
        voice: text.strip() for voice, text in expected.items()
    }
    expect(columns.of("explorer").locator(".message-failed")).to_contain_text("restarted")
    columns.reader.complaints.clear()  # the browser reports the failed requests


def test_a_voice_that_has_ended_is_shown_as_it_was_saved_while_others_write(
    columns: Columns, led_voices: LedVoices
) -> None:
    begin(columns, led_voices, "seeker", "explorer")
    led_voices.give("explorer", "It is **bold**.")
    led_voices.end("explorer")
    expect(columns.text_of("explorer").locator("strong")).to_have_text("bold")
    expect(columns.of("explorer").locator(".voice-state")).to_have_text("Done")
    expect(columns.of("seeker")).to_have_attribute("aria-busy", "true")
    led_voices.give("seeker", "Still there.")
    columns.reader.until(lambda: columns.texts["seeker"] == led_voices.said["seeker"])


def test_each_column_follows_its_own_end_for_who_is_there(columns: Columns, led_voices: LedVoices) -> None:
    begin(columns, led_voices, "seeker", "explorer")
    seeker, explorer = columns.text_of("seeker"), columns.text_of("explorer")
    left = "each => each.scrollHeight - each.clientHeight - each.scrollTop"
    for voice in ("seeker", "explorer"):
        led_voices.give(voice, LONG)
    columns.reader.until(lambda: seeker.evaluate(left) < 2 and explorer.evaluate(left) < 2)
    assert seeker.evaluate("each => each.scrollTop") > 100
    seeker.evaluate("each => each.scrollTo({ top: 40, behavior: 'instant' })")
    page_at = columns.page.evaluate("scrollY")
    columns.page.wait_for_function("each => each.scrollTop === 40", arg=seeker.element_handle())
    for voice in ("seeker", "explorer"):
        led_voices.give(voice, LONG)
    columns.reads(said(led_voices, "seeker", "explorer"))
    columns.reader.until(lambda: explorer.evaluate(left) < 2)
    assert seeker.evaluate("each => each.scrollTop") == 40
    assert columns.page.evaluate("scrollY") == page_at
    led_voices.end("seeker", "explorer")
    columns.wait_for_the_end()
    assert seeker.evaluate("each => each.scrollTop") == 40
    assert explorer.evaluate(left) < 2


def test_a_column_that_is_folded_away_goes_on_filling_and_stays_so(
    columns: Columns, led_voices: LedVoices
) -> None:
    begin(columns, led_voices, "seeker", "explorer")
    head = columns.of("seeker").locator("summary").first
    head.focus()
    columns.page.keyboard.press("Enter")
    expect(columns.text_of("seeker")).to_be_hidden()
    led_voices.give("seeker", "In the dark.")
    columns.reads(said(led_voices, "seeker", "explorer"))
    led_voices.end("seeker", "explorer")
    columns.wait_for_the_end()
    expect(columns.text_of("seeker")).to_be_hidden()
    expect(head).to_be_focused()
    columns.page.keyboard.press("Space")
    expect(columns.text_of("seeker")).to_have_text("I am the seeker. In the dark.")


def test_320_pixels_are_a_stack_to_swipe_with_names_above(columns: Columns, led_voices: LedVoices) -> None:
    columns.page.set_viewport_size({"width": 320, "height": 640})
    begin(columns, led_voices, "seeker", "explorer", "maintainer")
    led_voices.give(
        "seeker", "```\n" + "x" * 300 + "\n```\n\n| a | b |\n|---|---|\n| " + "y " * 200 + "| z |\n"
    )
    led_voices.end("seeker", "explorer", "maintainer")
    columns.wait_for_the_end()
    row, tabs = columns.page.locator(".voices"), columns.page.locator(".voice-tabs a")
    expect(tabs).to_have_text(["Seeker", "Explorer", "Maintainer"])
    expect(tabs.first).to_have_attribute("aria-current", "true")
    assert columns.page.evaluate("document.documentElement.scrollWidth") == 320
    box = columns.of("explorer").bounding_box()
    assert box
    assert 240 < box["x"] < 320  # a part of the next one is in sight
    tabs.nth(2).focus()
    columns.page.keyboard.press("Enter")
    expect(tabs.nth(2)).to_have_attribute("aria-current", "true")
    expect(tabs.first).not_to_have_attribute("aria-current", "true")
    row.evaluate("each => each.scrollTo({ left: 230, behavior: 'instant' })")  # a swipe that stops halfway
    expect(tabs.nth(1)).to_have_attribute("aria-current", "true")
    columns.reader.until(lambda: 0 <= (columns.of("explorer").bounding_box() or {"x": -1})["x"] <= 24)
    row.focus()
    columns.page.keyboard.press("ArrowLeft")
    expect(tabs.first).to_have_attribute("aria-current", "true")


def test_the_keyboard_is_enough_for_several(columns: Columns, led_voices: LedVoices) -> None:
    begin(columns, led_voices, "seeker", "explorer")
    press = columns.page.keyboard.press
    columns.page.locator(".voices").focus()
    press("Tab")
    expect(columns.of("seeker").locator("summary")).to_be_focused()
    press("Tab")
    expect(columns.text_of("seeker")).to_be_focused()
    press("Tab")
    expect(columns.of("seeker").get_by_role("button")).to_be_focused()
    press("Enter")
    columns.show({"seeker": "Stopped", "explorer": "Writing"})
    expect(columns.of("seeker").locator("summary")).to_be_focused()
    led_voices.end("explorer")
    columns.wait_for_the_end()
    expect(columns.of("seeker").locator("summary")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_arrives_in_its_voice_s_colour_and_can_be_read(
    columns: Columns, led_voices: LedVoices, scheme: str
) -> None:
    columns.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    begin(columns, led_voices, *FIVE)
    seen = {voice: columns.colours(voice) for voice in FIVE}
    assert len({tuple(text) for text, _ in seen.values()}) == len(FIVE)
    assert all(contrast(text, paper) >= 4.5 for text, paper in seen.values()), seen
    led_voices.end(*FIVE)
    columns.wait_for_the_end()
    assert len({tuple(columns.colours(voice)[0]) for voice in FIVE}) == 1
    assert contrast(*columns.colours("seeker")) >= 7


def test_a_voice_that_failed_is_tried_again_in_its_place(columns: Columns, led_voices: LedVoices) -> None:
    begin(columns, led_voices, "seeker", "explorer")
    led_voices.cut("explorer")
    led_voices.end("seeker")
    columns.wait_for_the_end()
    columns.of("explorer").get_by_role("button", name="Try again").click()
    columns.page.wait_for_selector(".earlier-try")
    led_voices.wait_until_asked("explorer")
    led_voices.give("explorer", "Better now.")
    columns.reader.until(lambda: columns.texts.get("explorer") == "Better now.")
    assert columns.states == {"seeker": "Done", "explorer": "Writing"}
    expect(columns.of("explorer").locator(".earlier-try summary")).to_have_text("Earlier try: failed")
    led_voices.end("explorer")
    columns.wait_for_the_end()
    columns.show({"seeker": "Done", "explorer": "Done"})
    assert columns.texts["explorer"].strip() == "Better now."
    assert columns.texts["seeker"].strip() == "I am the seeker."
    expect(columns.page.locator(".exchange")).to_have_count(1)


def test_a_merge_is_written_below_and_the_conversation_goes_on_from_it(
    columns: Columns, led_voices: LedVoices
) -> None:
    begin(columns, led_voices, "seeker", "explorer")
    led_voices.end("seeker", "explorer")
    columns.wait_for_the_end()
    columns.page.get_by_role("button", name="Merge the answers into one").click()
    led_voices.wait_until_asked("merge")
    led_voices.give("merge", "Both are **right**.")
    merge = columns.page.locator(".message-merge")
    expect(merge.locator(".message-text")).to_have_text("Both are **right**.")
    led_voices.end("merge")
    columns.wait_for_the_end()
    expect(merge.locator("strong")).to_have_text("right")
    expect(merge.locator(".goes-on")).to_be_visible()
    assert columns.states == {"seeker": "Done", "explorer": "Done"}


def test_the_conversation_goes_on_from_the_voice_that_is_chosen(
    columns: Columns, led_voices: LedVoices
) -> None:
    begin(columns, led_voices, "seeker", "explorer")
    led_voices.end("seeker", "explorer")
    columns.wait_for_the_end()
    columns.of("explorer").get_by_role("button", name="Answer further with this voice").click()
    expect(columns.of("explorer").locator(".goes-on")).to_have_text("The conversation goes on from here.")
    columns.ask(led_voices, "seeker")
    first = columns.page.locator(".exchange").first
    expect(first.locator('[data-voice="explorer"] .goes-on')).to_be_visible()
    expect(first.get_by_role("button", name="Answer further")).to_have_count(0)
    led_voices.give("seeker", "Gladly.")
    led_voices.end("seeker")
    columns.reader.wait_for_the_end()
    assert columns.reader.saved[3]["parent_id"] == columns.reader.saved[2]["id"]


def test_ends_alone_are_told_to_who_listens_and_progress_never_goes_back(
    columns: Columns, led_voices: LedVoices
) -> None:
    columns.page.evaluate(
        """() => {
          window.told = [];
          const announcer = document.querySelector("#announcer");
          new MutationObserver(() => window.told.push(announcer.textContent)).observe(announcer, { childList: true });
        }"""
    )
    begin(columns, led_voices, "seeker", "explorer")
    bar = columns.of("seeker").locator("progress")
    expect(bar).to_have_accessible_name("Seeker")

    def progress() -> int:
        led_voices.give("seeker", LONG)
        return round(1000 * float(bar.evaluate("each => each.value")))

    values = columns.reader.sizes_until(progress, 3)
    assert values == sorted(values)
    assert values[-1] < 1000
    led_voices.end("explorer")
    columns.show({"seeker": "Writing", "explorer": "Done"})
    led_voices.end("seeker")
    columns.wait_for_the_end()
    columns.reader.until(lambda: len(columns.page.evaluate("told")) >= 4)
    told = columns.page.evaluate("told")
    assert told[:2] == ["The answer is being written.", "Explorer: done."]
    assert told[-1] == "Seeker: done. Explorer: done."


def test_on_paper_the_voices_stand_one_under_another(columns: Columns, led_voices: LedVoices) -> None:
    begin(columns, led_voices, "seeker", "explorer")
    led_voices.give("seeker", LONG.replace("\n", "\n\n"))
    led_voices.end("seeker", "explorer")
    columns.wait_for_the_end()
    columns.page.emulate_media(media="print")
    first, second = (columns.of(voice).bounding_box() for voice in ("seeker", "explorer"))
    assert first
    assert second
    assert second["y"] >= first["y"] + first["height"] > 1000
