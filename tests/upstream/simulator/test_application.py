"""The simulator as a plain WSGI application: no server, no greenlets, no time that passes."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from chatapp.upstream.simulator.application import Simulator
from chatapp.upstream.simulator.pace import Pace

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi *there* <b>"}]
BODY: dict[str, Any] = {"model": "gpt-4o-mini", "messages": MESSAGES}


class Call:
    """One call of the application, by WSGI's book."""

    def __init__(self, application: Simulator, path: str, body: object = None, **environ: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        found: dict[str, Any] = {
            "PATH_INFO": path,
            "REQUEST_METHOD": "GET" if body is None else "POST",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(data)) if body is not None else "0",
            "wsgi.input": io.BytesIO(data),
            "QUERY_STRING": "",
            "SCRIPT_NAME": "",
        }
        setup_testing_defaults(found)
        found.update(environ)
        self.parts = list(self._run(application, found))
        self.body = b"".join(self.parts)

    def _run(self, application: Simulator, environ: dict[str, Any]) -> Iterable[bytes]:
        answer = validator(application)(environ, self._start)
        try:
            yield from answer
        finally:
            answer.close()  # type: ignore[attr-defined]  # the validator's answer always has it

    def _start(self, status: str, headers: list[tuple[str, str]], error: object = None) -> Any:
        self.status = int(status[:3])
        self.headers = {name.lower(): value for name, value in headers}

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[dict[str, Any]]:
        *events, done, rest = self.body.decode().split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        return [json.loads(each.removeprefix("data: ")) for each in events]


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Pace(0, math.inf))


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for each in events for choice in each["choices"])


def test_a_streamed_answer_has_the_real_shape(simulator: Simulator) -> None:
    call = Call(simulator, CHAT, BODY | {"stream": True, "stream_options": {"include_usage": True}})
    first, *texts, finish, usage = call.events()
    assert call.headers["content-type"].startswith("text/event-stream")
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert all(each["usage"] is None for each in (first, *texts, finish))
    assert finish["choices"][0] | {"logprobs": None} == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == len(texts)
    assert len({(each["id"], each["model"], each["object"]) for each in call.events()}) == 1
    assert len(call.parts) == len(texts) + 4


def test_streamed_and_whole_are_the_same_answer_every_time(simulator: Simulator) -> None:
    streamed = [Call(simulator, CHAT, BODY | {"stream": True}) for _ in range(2)]
    whole = Call(simulator, CHAT, BODY).json()
    assert streamed[0].body == streamed[1].body
    assert text_of(streamed[0].events()) == whole["choices"][0]["message"]["content"]
    assert whole["usage"]["total_tokens"] == sum(
        whole["usage"][name] for name in ("prompt_tokens", "completion_tokens")
    )
    assert all("usage" not in each for each in streamed[0].events())


def test_the_answer_says_that_it_is_simulated_and_shows_what_text_can_hold(simulator: Simulator) -> None:
    text = Call(simulator, CHAT, BODY).json()["choices"][0]["message"]["content"]
    assert "simulated" in text
    assert r"Hi \*there\* \<b\>" in text
    assert all(part in text for part in ("## ", "\n1. ", "```python", "| --- |", "$e^", "🤖", "日本語"))


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_the_bound_on_output_holds(simulator: Simulator, limit: str) -> None:
    whole = Call(simulator, CHAT, BODY | {limit: 7}).json()
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"]["completion_tokens"] == 7


@pytest.mark.parametrize(
    ("asked", "limit", "count", "reason"),
    [("simulate 300 tokens", None, 300, "stop"), ("Simulate 1 token, please", None, 1, "stop"),
     ("simulate 0 tokens", None, 0, "stop"), ("simulate 30 tokens", 30, 30, "stop"),
     ("simulate 31 tokens", 30, 30, "length")],
)  # fmt: skip
def test_a_message_may_ask_for_a_length(
    simulator: Simulator, asked: str, limit: int | None, count: int, reason: str
) -> None:
    body = BODY | {"messages": [{"role": "user", "content": asked}], "max_tokens": limit}
    whole = Call(simulator, CHAT, body).json()
    assert whole["usage"]["completion_tokens"] == count
    assert whole["choices"][0]["finish_reason"] == reason


def test_the_rate_is_kept() -> None:
    slept: list[float] = []
    simulator = Simulator(Pace(0.02, 100), sleep=slept.append)
    body = BODY | {"messages": [{"role": "user", "content": "simulate 3 tokens"}]}
    Call(simulator, CHAT, body)
    # The first token's wait and two more; a sleep that does not sleep is asked again until it is time.
    assert max(slept) <= 0.02


def test_models(simulator: Simulator) -> None:
    data = Call(simulator, "/v1/models").json()["data"]
    assert [model["id"] for model in data] == ["gpt-6-luna", "gpt-4o", "gpt-4o-mini", "gpt-5-mini"]


def test_embeddings_are_unit_vectors_in_the_order_of_their_texts(simulator: Simulator) -> None:
    body = {"model": "text-embedding-3-small", "input": ["a", "b", "a"], "dimensions": 64}
    found = Call(simulator, "/v1/embeddings", body).json()
    vectors = [each["embedding"] for each in found["data"]]
    assert [each["index"] for each in found["data"]] == [0, 1, 2]
    assert all(math.hypot(*vector) == pytest.approx(1) for vector in vectors)
    assert vectors[0] == vectors[2] != vectors[1]
    assert len(vectors[0]) == 64
    one = Call(simulator, "/v1/embeddings", {"model": "m", "input": "a"}).json()
    assert len(one["data"][0]["embedding"]) == 1536


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        (CHAT, b"{", 400, None),
        (CHAT, b"\xff", 400, None),
        (CHAT, b"[" * 100_000, 400, None),
        (CHAT, [], 400, None),
        (CHAT, {}, 400, "model"),
        (CHAT, BODY | {"model": "none-such"}, 404, "model"),
        (CHAT, {"model": "gpt-4o"}, 400, "messages"),
        (CHAT, BODY | {"messages": []}, 400, "messages"),
        (CHAT, BODY | {"messages": [{"role": "king", "content": "x"}]}, 400, "messages.[0].role"),
        (CHAT, BODY | {"messages": [{"role": ["user"], "content": "x"}]}, 400, "messages.[0].role"),
        (CHAT, BODY | {"messages": [{"role": "user", "content": 5}]}, 400, "messages.[0].content"),
        (CHAT, BODY | {"stream": "yes"}, 400, "stream"),
        (CHAT, BODY | {"max_tokens": 0}, 400, "max_tokens"),
        (CHAT, BODY | {"max_completion_tokens": True}, 400, "max_completion_tokens"),
        ("/v1/embeddings", {"input": "x"}, 400, "model"),
        ("/v1/embeddings", {"model": "m", "input": []}, 400, "input"),
        ("/v1/embeddings", {"model": "m", "input": [3]}, 400, "input"),
        ("/v1/embeddings", {"model": "m", "input": "x", "dimensions": 9999}, 400, "dimensions"),
        ("/v1/nowhere", {}, 404, None),
        (CHAT, None, 405, None),
        ("/v1/models", {}, 405, None),
    ],
)
def test_bad_requests_get_openais_shape(
    simulator: Simulator, path: str, body: object, status: int, param: str | None
) -> None:
    call = Call(simulator, path, body)
    assert call.status == status
    assert call.json()["error"].keys() == {"message", "type", "param", "code"}
    assert call.json()["error"]["param"] == param


@pytest.mark.parametrize("length", ["x", "-1", str(1 << 40)])
def test_a_length_that_is_none_or_too_much_is_refused(simulator: Simulator, length: str) -> None:
    answer = simulator(
        {"REQUEST_METHOD": "POST", "PATH_INFO": CHAT, "CONTENT_LENGTH": length}, lambda *_: lambda _: None
    )
    assert b"too large" in b"".join(answer)


def test_a_key_is_asked_for_if_there_is_one() -> None:
    simulator = Simulator(Pace(0, math.inf), api_key="secret")
    assert Call(simulator, "/v1/models").status == 401
    assert Call(simulator, "/v1/models", HTTP_AUTHORIZATION="Bearer sécret").status == 401
    assert Call(simulator, "/v1/models", HTTP_AUTHORIZATION="Bearer secret").status == 200


@pytest.mark.parametrize(
    ("scenario", "status"),
    [("rate_limit", 429), ("server_error", 500), ("auth", 401), ("forbidden", 403), ("not_found", 404),
     ("none such", 400)],
)  # fmt: skip
@pytest.mark.parametrize("stream", [True, False])
def test_faults_with_a_status(simulator: Simulator, scenario: str, status: int, stream: bool) -> None:
    call = Call(simulator, CHAT, BODY | {"stream": stream}, HTTP_X_TEST_SCENARIO=scenario)
    assert call.status == status
    assert call.json()["error"]["message"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_answer_breaks_off(simulator: Simulator, stream: bool) -> None:
    with pytest.raises(ConnectionResetError):
        Call(simulator, CHAT, BODY | {"stream": stream}, HTTP_X_TEST_SCENARIO="cut")
    assert simulator.stats.aborted == 1


@pytest.mark.parametrize("stream", [True, False])
def test_a_malformed_answer_is_no_json(simulator: Simulator, stream: bool) -> None:
    call = Call(simulator, CHAT, BODY | {"stream": stream}, HTTP_X_TEST_SCENARIO="malformed")
    with pytest.raises(json.JSONDecodeError):
        call.events() if stream else call.json()


def test_stats(simulator: Simulator) -> None:
    Call(simulator, CHAT, BODY)
    Call(simulator, CHAT, BODY | {"stream": True})
    Call(simulator, CHAT, {})
    assert Call(simulator, "/stats").json() == {"requests": 3, "open": 0, "finished": 3, "aborted": 0}
