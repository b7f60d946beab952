"""A choir: the answers of several voices to one message, each of which the test lets speak."""

from __future__ import annotations

from collections.abc import Iterable

from chatapp.turns.built_in_voices import BUILT_IN
from tests.machines.paced_answer import PacedAnswer
from tests.scripted_upstream import ReceivedRequest, Step

VOICES = ("seeker", "explorer", "maintainer", "analyzer", "developer")


class Choir:
    """One answer for each of VOICES, told apart by the prompt that upstream is sent."""

    def __init__(self) -> None:
        self._answers = {voice: PacedAnswer(voice) for voice in VOICES}

    def script(self, request: ReceivedRequest) -> Iterable[Step]:
        """For a ScriptedUpstream: the answer of the voice that asks."""
        asked = request.json()["messages"][0]["content"]
        [voice] = [voice for voice in VOICES if BUILT_IN[voice].prompt == asked]
        return self._answers[voice].script

    def speak(self, parts: int = 1, *, but: str = "") -> None:
        """Lets each voice say more, except one."""
        for voice, answer in self._answers.items():
            if voice != but:
                answer.speak(parts)

    def finish(self) -> None:
        """Lets each voice that has not ended come to its end."""
        for answer in self._answers.values():
            answer.finish()

    def texts(self) -> dict[str, str]:
        """What upstream has sent, by voice."""
        return {voice: answer.text for voice, answer in self._answers.items()}
