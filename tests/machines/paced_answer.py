"""A paced answer: upstream gives it part by part, as the test lets it."""

from __future__ import annotations

from gevent.event import Event

from tests.scripted_upstream import DONE, LAST_CHUNK, STREAM_HEAD, Step, chunk, delta, usage


class PacedAnswer:
    """`name` is in every part, so that a part of another answer would be seen. `text` is what upstream has sent."""

    def __init__(self, name: str = "an answer", parts: int = 12) -> None:
        self.text = ""
        self._parts = [f"{name}, part {number}. " for number in range(parts)]
        self._gates = [Event() for _ in self._parts]
        self._end = Event()
        self._spoken = 0

    @property
    def script(self) -> list[Step]:
        """For a ScriptedUpstream."""
        steps: list[Step] = [STREAM_HEAD]
        for gate, part in zip(self._gates, self._parts, strict=True):
            steps += [gate, chunk(delta(part))]
        return [*steps, self._end, *map(chunk, (delta("", "stop"), usage(5, 15), DONE)), LAST_CHUNK]

    def speak(self, parts: int = 1) -> str:
        """Lets upstream send more; all that it has sent then."""
        for _ in range(parts):
            self._gates[self._spoken].set()
            self.text += self._parts[self._spoken]
            self._spoken += 1
        return self.text

    def finish(self) -> str:
        """Lets upstream send the rest and the end."""
        self.speak(len(self._parts) - self._spoken)
        self._end.set()
        return self.text
