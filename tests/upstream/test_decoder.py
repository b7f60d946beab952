"""The decoder: what it reads out of honest, odd and broken streams, whatever the pieces they come in."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatapp.upstream.decoder import Decoder
from chatapp.upstream.failures import SERVER_ERROR
from chatapp.upstream.lines import EVENT_BYTES
from chatapp.upstream.usage import Usage
from tests.scripted_upstream import DONE, delta, event, usage


def decode(*chunks: bytes) -> tuple[str, Decoder]:
    decoder = Decoder()
    text = "".join(map(decoder.feed, chunks))
    return text + decoder.end(), decoder


def choice(**fields: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": {}} | fields]})


def test_a_whole_answer() -> None:
    text, decoder = decode(delta("Hel") + delta("lo") + delta("", "stop") + usage(5, 15) + DONE)
    assert (text, decoder.finish_reason, decoder.usage) == ("Hello", "stop", Usage(5, 15))
    assert decoder.done
    assert decoder.error is None


def test_one_chunk_with_many_deltas_is_one_text() -> None:
    assert Decoder().feed(delta("a") + delta("b") + delta("c")) == "abc"


def test_it_needs_no_ending() -> None:
    _, decoder = decode(delta("a", "stop"))
    assert (decoder.finish_reason, decoder.done, decoder.error) == ("stop", False, None)


def test_an_ending_without_a_reason_is_a_stop() -> None:
    assert decode(delta("a") + DONE)[1].finish_reason == "stop"


def test_an_answer_that_only_stops_has_no_reason() -> None:
    assert decode(delta("a"))[1].finish_reason is None


@pytest.mark.parametrize(
    ("reason", "read"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("tool_calls", "stop")],
)
def test_reasons(reason: str, read: str) -> None:
    assert decode(delta("", reason))[1].finish_reason == read


@pytest.mark.parametrize("reason", [None, "", 7, {}])
def test_what_is_no_reason(reason: object) -> None:
    assert decode(choice(finish_reason=reason))[1].finish_reason is None


def test_nothing_after_the_ending_counts() -> None:
    text, decoder = decode(delta("a") + DONE + delta("b") + event(b"garbage"))
    assert (text, decoder.error) == ("a", None)


@pytest.mark.parametrize(
    "data",
    [
        event({"choices": []}),
        event({"choices": None}),
        event({}),
        event({"choices": [None, 3, {}]}),
        choice(delta=None),
        choice(delta={"content": None}),
        choice(delta={"content": 5}),
        choice(delta={"role": "assistant", "content": ""}),
        event({"choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": "length"}]}),
        event({"choices": [{"index": "0", "delta": {"content": "other"}}]}),
        event({"error": None}),
        b": comment\n\n",
        b"event: ping\ndata: not JSON\n\n",
        b"data:\n\n",
        b"data:   \n\n",
        b"id: 4\nfoo: bar\n\n",
    ],
)
def test_what_carries_no_text(data: bytes) -> None:
    text, decoder = decode(delta("a") + data + delta("b"))
    assert (text, decoder.error, decoder.finish_reason) == ("ab", None, None)


@pytest.mark.parametrize(
    "data",
    [
        choice(delta={"refusal": "x"}),
        choice(delta={"refusal": None, "content": "x"}),
        event({"choices": [{"delta": {"content": "x"}}]}),
        event({"choices": [{"index": None, "delta": {"content": "x"}}], "new": [1, {"a": 2}]}),
        b'data:{"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n',
        b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"x"}}]}\n\n',
        b'event: message\nid: 1\ndata: {"choices":[{"delta":{"content":"x"}}]}\n\n',
        b'event: chunk\ndata: {"choices":[{"delta":{"content":"x"}}]}\n\n',
    ],
)
def test_what_carries_text(data: bytes) -> None:
    assert decode(data)[0] == "x"


@pytest.mark.parametrize(
    ("found", "read"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}, Usage(1, 2)),
        ({"prompt_tokens": 1}, Usage(1, None)),
        ({"prompt_tokens": -1, "completion_tokens": 2**40}, Usage(None, None)),
        ({"prompt_tokens": "1", "completion_tokens": True}, Usage(None, None)),
        (None, None),
        ([], None),
    ],
)
def test_counts(found: object, read: Usage | None) -> None:
    assert decode(event({"choices": [], "usage": found}))[1].usage == read


def test_counts_may_come_with_the_last_text() -> None:
    data = {
        "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    text, decoder = decode(event(data))
    assert (text, decoder.finish_reason, decoder.usage) == ("x", "stop", Usage(1, 2))


@pytest.mark.parametrize(
    "data",
    [
        event({"error": {"message": "secret sk-123456", "code": 500}}),
        event({"error": "secret"}),
        event({"object": "error", "message": "secret"}),
        b'event: error\ndata: {"message": "secret"}\n\n',
        event(b"not JSON"),
        event(b"[1]"),
        event(b"3"),
        event(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        b"data: " + b"x" * EVENT_BYTES + b"\n\n",
        b"x" * (EVENT_BYTES + 1),
    ],
)
def test_failures_keep_the_text_before_them_and_say_nothing_of_upstream(data: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(delta("a") + delta("b") + data + delta("c")) == "ab"
    assert decoder.error is not None
    assert (decoder.error.error_code, decoder.error.message) == ("SERVER_ERROR", SERVER_ERROR.sentence)
    assert decoder.feed(delta("d")) == decoder.end() == ""


def test_an_event_that_was_cut_in_its_middle_is_no_unreadable_one() -> None:
    text, decoder = decode(delta("a") + delta("b")[:-20])
    assert (text, decoder.error, decoder.finish_reason) == ("a", None, None)


def test_a_last_event_without_its_blank_line_counts() -> None:
    assert decode(delta("a", "stop").rstrip())[1].finish_reason == "stop"


def escaped(text: str) -> bytes:
    return event(b'{"choices":[{"index":0,"delta":{"content":"%b"}}]}' % text.encode())


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        ([r"\ud83d\ude00"], "😀"),
        ([r"\ud83d", r"\ude00"], "😀"),
        ([r"a\ud83d", r"\ude00b"], "a😀b"),
        ([r"a\ud83d", "", r"\ude00b"], "a😀b"),
        ([r"a\ud83d", "b"], "a\ufffdb"),
        ([r"a\ud83d", r"\ud83d", r"\ude00"], "a\ufffd😀"),
        ([r"\ude00a"], "\ufffda"),
        ([r"a\ud83d"], "a\ufffd"),
        ([r"a\u0000b"], "a\ufffdb"),
    ],
)
def test_surrogates_and_nul(texts: list[str], read: str) -> None:
    stream = b"".join(map(escaped, texts))
    assert decode(stream)[0] == read
    assert decode(stream + DONE)[0] == read
    assert decode(stream + event({"error": "x"}))[0] == read


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert decode(b'data: {"choices":[{"delta":{"content":"a\xffb"}}]}\n\n')[0] == "a\ufffdb"


def test_it_is_pure() -> None:
    code = (
        "import sys, chatapp.upstream.decoder;"
        "print([name for name in ('gevent', 'openai', 'httpx2', 'flask', 'sqlalchemy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
EVENTS = st.one_of(
    TEXT.map(delta),
    st.lists(st.sampled_from([r"\ud83d", r"\ude00", "a", "é", r"\n", r"\u0000"]), max_size=4).map(
        lambda parts: escaped("".join(parts))
    ),
    TEXT.map(
        lambda text: event(
            json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False).encode()
        )
    ),
    TEXT.map(lambda text: choice(delta={"refusal": text})),
    st.sampled_from(
        [
            b": heartbeat\n\n",
            delta("", "stop"),
            usage(1, 2),
            event({"choices": []}),
            event({"error": {"message": "x"}}),
            event(b"broken"),
            event(b"{\ndata: }"),
            DONE,
        ]
    ),
)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(stream)) for cut in cuts})
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


@settings(deadline=None)
@given(
    st.lists(EVENTS, max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(0, 1500), max_size=30),
    st.booleans(),
)
def test_neither_the_split_nor_the_line_ends_matter(
    events: list[bytes], end: bytes, cuts: list[int], bom: bool
) -> None:
    plain = b"".join(events)
    stream = b"\xef\xbb\xbf" * bom + plain.replace(b"\n", end)
    text, whole = decode(plain)
    for chunks in (pieces(stream, cuts), [stream[i : i + 1] for i in range(len(stream))]):
        same, decoder = decode(*chunks)
        assert same == text
        assert (decoder.finish_reason, decoder.usage, decoder.done, bool(decoder.error)) == (
            whole.finish_reason,
            whole.usage,
            whole.done,
            bool(whole.error),
        )
    text.encode()
    assert "\0" not in text


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), EVENTS, st.sampled_from([b"data: ", b"\n\n", b"{", b'"']))))
@example([b'data: {"usage":{"prompt_tokens":' + b"9" * 5000 + b"}}\n\n"])
@example([b'data: {"choices":[{"index":1e999}]}\n\n'])
def test_garbage_never_raises(chunks: list[bytes]) -> None:
    text, _ = decode(*chunks)
    text.encode()
