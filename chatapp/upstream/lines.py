"""Server-sent events out of raw bytes, as a pure state machine.

The format is the HTML standard's, section 9.2.6, "Interpreting an event stream"
(https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
"""

from __future__ import annotations

EVENT_BYTES = 1 << 20
"""An event that grows past this is an attack or a fault: it would be held in memory until it ends."""

_BOM = b"\xef\xbb\xbf"


class EventSplitter:
    """Splits bytes into events, whatever the pieces they come in; the work is linear in the bytes."""

    __slots__ = ("_after_cr", "_at_start", "_data", "_data_size", "_name", "_rest", "_rest_size", "overlong")

    def __init__(self) -> None:
        self.overlong = False
        """Whether an event passed EVENT_BYTES; nothing after that is read."""
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._name = b""
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """The events that `chunk` completes, each as its name (empty when it has none) and its data."""
        if not chunk or self.overlong:
            return []
        if (event := self._whole(chunk)) is not None:
            return [(b"", event)]
        *lines, rest = self._with_line_feeds(chunk).split(b"\n")
        events: list[tuple[bytes, bytes]] = []
        if lines:
            lines[0] = self._first_line(lines[0])
            for line in lines:
                self._take(line, events)
        if rest:
            self._rest.append(rest)
            self._rest_size += len(rest)
        self.overlong = self.overlong or self._data_size + self._rest_size > EVENT_BYTES
        return events

    def end(self) -> list[tuple[bytes, bytes]]:
        """The event that the end of the stream left without its blank line.

        The standard drops it; servers that forget the last blank line are common, so it is handed on here.
        """
        return self.feed(b"\n\n")

    def _whole(self, chunk: bytes) -> bytes | None:
        """The data of a chunk that is one event as almost all are, and nothing else: "data: …" between two events.
        Almost every token takes this way, and none of its lines is looked at by itself: saves 0.9 of 11 µs between the
        two sockets (the table of attempts in docs/performance.md)."""
        end = len(chunk) - 2
        if chunk.find(b"\n") != end or not chunk.startswith(b"data: ") or not chunk.endswith(b"\n"):
            return None
        if self._rest or self._data or self._name or self._after_cr or self._at_start:
            return None
        return None if b"\r" in chunk or end > EVENT_BYTES else chunk[6:end]

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """`chunk` with every line end as LF; a CR ends its line at once, and an LF after it is dropped."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _first_line(self, line: bytes) -> bytes:
        """`line` with what earlier chunks left of it, and without a byte order mark at the very start."""
        if self._rest:
            line = b"".join((*self._rest, line))
            self._rest.clear()
            self._rest_size = 0
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        return line

    def _take(self, line: bytes, events: list[tuple[bytes, bytes]]) -> None:
        if self.overlong:
            return
        if not line:
            self._dispatch(events)
        elif self._data_size + len(line) > EVENT_BYTES:
            self.overlong = True
        elif line.startswith(b"data:"):
            self._data.append(_value(line, 5))
            self._data_size += len(line)
        elif line.startswith(b"event:"):
            self._name = _value(line, 6)
        # Comments, ids, retry times, unknown fields and a bare "data" carry nothing for us.

    def _dispatch(self, events: list[tuple[bytes, bytes]]) -> None:
        if self._data:
            events.append((self._name, b"\n".join(self._data)))
            self._data = []
            self._data_size = 0
        self._name = b""


def _value(line: bytes, start: int) -> bytes:
    """What follows the colon, without the one space that the format allows there."""
    return line[start + 1 :] if line.startswith(b" ", start) else line[start:]
