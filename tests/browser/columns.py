"""Several voices on the page, as a person sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Locator

from tests.browser.led_voices import LedVoices
from tests.browser.reader import Reader

_COLOURS = """
each => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const seen = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  return [getComputedStyle(each).color, getComputedStyle(each.closest(".voice")).backgroundColor].map(seen);
}
"""


class Columns:
    """The replies of several voices in one reader's tab."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.page = reader.page

    def ask(self, upstream: LedVoices, *voices: str) -> None:
        """Sends a message to these voices; upstream is asked by each when this returns."""
        picker = self.page.locator("#voice-picker")
        picker.locator("summary").click()
        for box in picker.locator('input[name="voices"]').all():
            box.set_checked(box.get_attribute("value") in voices)
        picker.locator("summary").click()
        self.reader.send("How would you begin?")
        upstream.wait_until_asked(*voices)

    def of(self, voice: str) -> Locator:
        return self.page.locator(f'.exchange:last-child .voice[data-voice="{voice}"]')

    def text_of(self, voice: str) -> Locator:
        return self.of(voice).locator(".voice-body .message-text")

    @property
    def texts(self) -> dict[str, str]:
        """By voice, exactly while they arrive."""
        return self._each(".voice-body .message-text")

    @property
    def states(self) -> dict[str, str]:
        return self._each(".voice-state")

    @property
    def html(self) -> str:
        """What the newest exchange shows."""
        return str(self.page.locator(".exchange:last-child .voices").inner_html())

    def reads(self, texts: dict[str, str]) -> None:
        """Waits until the columns show these, and no others."""
        self.reader.until(lambda: self.texts == texts)

    def read_among_others(self, texts: dict[str, str]) -> None:
        """The same of some of the columns."""
        self.reader.until(lambda: self.texts | texts == self.texts)

    def show(self, states: dict[str, str]) -> None:
        self.reader.until(lambda: self.states == states)

    def wait_for_the_end(self) -> None:
        """Until the saved replies are in the place of those that were typed out."""
        self.page.wait_for_selector("#send:visible")
        self.page.wait_for_selector(".exchange:last-child .exchange-foot", state="attached")

    def colours(self, voice: str) -> tuple[Sequence[int], Sequence[int]]:
        """Red, green and blue of a voice's text, and of what it stands on."""
        found: list[list[int]] = self.text_of(voice).evaluate(_COLOURS)
        return found[0], found[1]

    def _each(self, part: str) -> dict[str, str]:
        found: dict[str, Any] = self.page.locator(".exchange:last-child .voice").evaluate_all(
            "(all, part) => Object.fromEntries(all.map((each) => "
            "[each.dataset.voice, each.querySelector(part).textContent]))",
            part,
        )
        return found


def contrast(one: Sequence[int], other: Sequence[int]) -> float:
    """As WCAG 2 defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Sequence[int]) -> float:
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
