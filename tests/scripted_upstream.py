"""An upstream that does to the byte what a test says: a raw socket server on loopback, in this process.

Needs gevent's patched sockets, as the whole test process has them. Each request takes the next script; the last
script serves all further ones. A model in `by_model` has a script of its own. A script is a sequence of steps:

    bytes           are sent
    float           seconds pass
    Event           is waited for
    End.CLOSE       the connection is closed
    End.RESET       the connection is reset, as a crashed machine would
    End.HANG        nothing more happens until the client hangs up
    UNTIL_READ      the client has taken everything from its socket, so that what follows arrives by itself

A script that ends leaves the connection open for the next request. One that depends on the request is a function
of it, which is asked for each step when the one before is done.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import gevent
from gevent.event import Event
from gevent.queue import Queue
from gevent.server import StreamServer


class End(Enum):
    CLOSE = auto()
    RESET = auto()
    HANG = auto()


class Pause(Enum):
    UNTIL_READ = auto()


UNTIL_READ = Pause.UNTIL_READ
Step = bytes | float | Event | End | Pause
Script = Sequence[Step]


@dataclass(eq=False)
class ReceivedRequest:
    """One request as it arrived. `hung_up` is set, and the time noted, when its client leaves before the next."""

    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    hung_up: Event = field(default_factory=Event)
    hung_up_at: float | None = None

    def json(self) -> Any:
        return json.loads(self.body)


ScriptFor = Callable[[ReceivedRequest], Iterable[Step]]


class ScriptedUpstream:
    """Use as a context manager, or start() and stop(). With `tls` it is an https server."""

    def __init__(self, *scripts: Script | ScriptFor, tls: ssl.SSLContext | None = None) -> None:
        self.scripts: list[Script | ScriptFor] = list(scripts)
        self.by_model: dict[str, Script] = {}
        self._tls = tls
        self.connections = 0
        """Connections that were ever accepted."""
        self.closed = 0
        """How many of them are closed again, on this side."""
        self.requests: list[ReceivedRequest] = []
        self._server = StreamServer(("127.0.0.1", 0), self._serve)

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.server_port}/v1"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop(timeout=0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait_for_requests(self, count: int, timeout_s: float = 2.0) -> bool:
        """Whether `count` requests have arrived within `timeout_s`."""
        limit = time.monotonic() + timeout_s
        while len(self.requests) < count and time.monotonic() < limit:
            gevent.sleep(0.002)
        return len(self.requests) >= count

    def _serve(self, client: socket.socket, address: object) -> None:
        self.connections += 1
        # Each step is a segment of its own, at once, as the script says.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            try:
                client = self._tls.wrap_socket(client, server_side=True)
            except OSError:
                return client.close()  # the client does not trust us, or speaks no TLS
        arrived: Queue[ReceivedRequest | None] = Queue()
        reader = gevent.spawn(self._read, client, self.connections, arrived)
        try:
            while (request := arrived.get()) is not None and self._play(client, request):
                pass
        finally:
            reader.kill()
            client.close()
            self.closed += 1

    def _read(self, client: socket.socket, connection: int, arrived: Queue[ReceivedRequest | None]) -> None:
        """Reads requests until the client hangs up, also while a script is being played."""
        buffer = b""
        request = None
        try:
            while data := client.recv(65536):
                buffer += data
                while (parsed := _parse(buffer, connection)) is not None:
                    request, buffer = parsed
                    self.requests.append(request)
                    arrived.put(request)
        except OSError:
            pass  # a reset is a hang-up too
        if request is not None:
            request.hung_up_at = time.monotonic()
            request.hung_up.set()
        arrived.put(None)

    def _play(self, client: socket.socket, request: ReceivedRequest) -> bool:
        """Whether the connection is still of use after the script."""
        try:
            return all(_take(step, client, request) for step in self._script(request))
        except OSError:
            return False

    def _script(self, request: ReceivedRequest) -> Iterable[Step]:
        model = request.json().get("model") if request.body else None
        if model in self.by_model:
            return self.by_model[model]
        script = self.scripts[min(self.requests.index(request), len(self.scripts) - 1)]
        return script(request) if callable(script) else script


def _take(step: Step, client: socket.socket, request: ReceivedRequest) -> bool:
    match step:
        case bytes():
            client.sendall(step)
        case End.HANG:
            request.hung_up.wait()
            return False
        case End.RESET:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        case End.CLOSE:
            return False
        case Event():
            step.wait()
        case Pause.UNTIL_READ:
            _wait_until_read(client)
        case _:
            gevent.sleep(step)
    return True


def _wait_until_read(client: socket.socket) -> None:
    """Until the kernel holds nothing for the other side, which is a socket of this machine; 2 s at most."""
    host, port = client.getpeername()
    address = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
    limit = time.monotonic() + 2
    while _unread(address, client.getsockname()[1]) and time.monotonic() < limit:
        gevent.sleep(0.001)


def _unread(address: str, from_port: int) -> bool:
    """Whether the socket at `address`, as /proc/net/tcp writes it, has bytes waiting from `from_port`."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if local == address and int(remote.partition(":")[2], 16) == from_port:
            return int(queues.partition(":")[2], 16) > 0
    return False


def _parse(buffer: bytes, connection: int) -> tuple[ReceivedRequest, bytes] | None:
    """The first whole request in `buffer` and what follows it."""
    head, end, rest = buffer.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    length = int(headers.get("content-length", "0"))
    if len(rest) < length:
        return None
    return ReceivedRequest(connection, method, path, headers, rest[:length]), rest[length:]


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """`data` as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(found: object) -> bytes:
    """One server-sent event, as JSON unless it is bytes."""
    data = found if isinstance(found, bytes) else json.dumps(found).encode()
    return b"data: " + data + b"\n\n"


def delta(text: str, finish_reason: str | None = None) -> bytes:
    """The event of one delta."""
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]})


def usage(tokens_in: int, tokens_out: int) -> bytes:
    return event({"choices": [], "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}})


DONE = event(b"[DONE]")


def answer(*texts: str) -> list[Step]:
    """A script: a whole streamed answer, one chunk a delta, with finish, usage 5/15 and `[DONE]`."""
    script: list[Step] = [STREAM_HEAD]
    for text in texts:
        script += [chunk(delta(text)), UNTIL_READ]
    return [*script, *map(chunk, (delta("", "stop"), usage(5, 15), DONE)), LAST_CHUNK]


def respond(status: int, found: object, headers: Iterable[tuple[str, str]] = ()) -> list[Step]:
    """A script: one JSON answer."""
    body = found if isinstance(found, bytes) else json.dumps(found).encode()
    lines = [f"HTTP/1.1 {status} Answer", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ["\r\n".join([*lines, "", ""]).encode() + body]


def refuse(status: int, message: str, **fields: object) -> list[Step]:
    """A script: an error in OpenAI's shape; the client's retries are told not to wait."""
    error: Mapping[str, object] = {"message": message, "type": "error", "param": None, "code": None}
    return respond(status, {"error": {**error, **fields}}, [("Retry-After-Ms", "1")])
