"""What the key may do: told by the simulator, and by upstreams that refuse in every way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from chatapp.config import Settings, load_settings
from chatapp.upstream.key_check import KeyCheck, Told
from chatapp.upstream.simulator.fault import Fault
from chatapp.upstream.simulator.pace import Pace
from chatapp.upstream.simulator.server import SimulatorServer
from tests.scripted_upstream import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    End,
    ReceivedRequest,
    Script,
    ScriptedUpstream,
    Step,
    answer,
    chunk,
    delta,
    event,
    refuse,
    respond,
)
from tests.server import free_port

KEY = "sk-this-is-the-key-of-the-test"
MODELS = respond(200, {"object": "list", "data": [{"id": "gpt-6-luna"}, {"id": "gpt-4o-mini"}]})
VECTORS = respond(200, {"data": [{"embedding": [0.1, 0.2, 0.3], "index": 0}]})
SECRET = respond(200, {"value": "ek_secret", "expires_at": 1, "session": {}})
ALL_WELL: dict[str, Script] = {
    "/v1/models": MODELS,
    "/v1/chat/completions": answer("Hel", "lo"),
    "/v1/embeddings": VECTORS,
    "/v1/realtime/client_secrets": SECRET,
}
QUESTIONS = {
    "/v1/models": 0,
    "/v1/chat/completions": 1,
    "/v1/embeddings": 2,
    "/v1/realtime/client_secrets": 3,
}


def by_path(scripts: dict[str, Script]) -> Callable[[ReceivedRequest], Iterable[Step]]:
    return lambda request: scripts[request.path]


def settings_for(base_url: str, **variables: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": base_url, **variables}


@pytest.fixture
def check(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Told]]:
    """Asks an upstream that answers these; `requests` takes what reached it."""

    def run(
        scripts: dict[str, Script], patience_s: float = 20, requests: list[ReceivedRequest] | None = None
    ) -> list[Told]:
        with ScriptedUpstream(by_path({**ALL_WELL, **scripts})) as upstream:
            environ = settings_for(upstream.base_url, CHATAPP_DATA=str(tmp_path_factory.mktemp("data")))
            told = list(KeyCheck(load_settings(environ), patience_s=patience_s).run())
            if requests is not None:
                requests += upstream.requests
        assert all(KEY not in each.sentence + each.advice for each in told)
        assert all("ek_secret" not in each.sentence for each in told)
        return told

    return run


def test_a_key_that_may_do_everything(check: Callable[..., list[Told]]) -> None:
    requests: list[ReceivedRequest] = []
    told = check({}, requests=requests)
    assert [each.ok for each in told] == [True] * 4
    assert told[0].sentence == "the list of models: 2 are listed"
    assert told[1].sentence.startswith("an answer of gpt-6-luna: streamed")
    assert told[2].sentence == "embeddings (text-embedding-3-small): vectors of 3 numbers"
    assert told[3].sentence.startswith("Realtime (gpt-realtime): the key may open sessions")
    asked = {request.path: request.json() for request in requests if request.body}
    assert asked["/v1/chat/completions"]["max_completion_tokens"] == 16
    assert asked["/v1/realtime/client_secrets"] == {
        "expires_after": {"anchor": "created_at", "seconds": 60},
        "session": {"type": "realtime", "model": "gpt-realtime"},
    }


def test_a_default_that_is_not_listed_is_said_to_be_missing(check: Callable[..., list[Told]]) -> None:
    told = check({"/v1/models": respond(200, {"data": [{"id": "other"}]})})
    assert told[0].sentence.endswith("1 are listed; gpt-6-luna is not among them")
    assert told[1].sentence.startswith("an answer of other: ")


@pytest.mark.parametrize("path", QUESTIONS)
@pytest.mark.parametrize(
    ("script", "meaning", "advice"),
    [
        (refuse(401, f"Incorrect key: {KEY}"), "the key is not known there (401)", "set OPENAI_API_KEY"),
        (
            refuse(403, "No access."),
            "the key is known, and may not do this (403): “No access.”",
            "permission",
        ),
        (refuse(429, "No credit."), "upstream refuses for now (429): “No credit.”", "billing"),
        (refuse(500, "Oh."), "upstream failed (500): “Oh.”", "not the key's"),
        (refuse(400, "No."), "upstream does not accept the question (400): “No.”", "the key is well"),
        (respond(200, b"<html>"), "the answer cannot be read", "OPENAI_BASE_URL"),
        ([End.RESET], "upstream cannot be reached, or hung up", "OPENAI_BASE_URL"),
        ([b"nonsense\r\n\r\n", End.CLOSE], "upstream cannot be reached, or hung up", "OPENAI_BASE_URL"),
    ],
)
def test_each_refusal_says_what_it_means(
    check: Callable[..., list[Told]], path: str, script: Script, meaning: str, advice: str
) -> None:
    requests: list[ReceivedRequest] = []
    told = check({path: script}, requests=requests)
    wrong = told.pop(QUESTIONS[path])
    assert wrong.ok is False
    assert meaning in wrong.sentence
    assert advice in wrong.advice
    assert [each.ok for each in told] == [True] * 3
    assert [request.path for request in requests].count(path) == 1  # and never again


def test_404_is_a_missing_model_or_a_wrong_address(check: Callable[..., list[Told]]) -> None:
    told = check({path: refuse(404, "Nothing here.") for path in QUESTIONS})
    assert [each.ok for each in told] == [False, False, None, None]
    assert all("there is no such thing (404)" in each.sentence for each in told)
    assert "CHATAPP_DEFAULT_MODEL" in told[1].advice
    assert "/v1" in told[0].advice
    assert "chats need none" in told[3].advice


@pytest.mark.parametrize("path", QUESTIONS)
def test_silence_has_an_end(check: Callable[..., list[Told]], path: str) -> None:
    told = check({path: [End.HANG]}, patience_s=0.5)
    assert told[QUESTIONS[path]].ok is False
    assert "no answer within 0.5 s" in told[QUESTIONS[path]].sentence


@pytest.mark.parametrize(
    ("script", "meaning"),
    [
        ([STREAM_HEAD, chunk(delta("Hel")), End.CLOSE], "hung up"),
        ([STREAM_HEAD, chunk(delta("Hel")), chunk(DONE), LAST_CHUNK], "ended before its end"),
        ([STREAM_HEAD, chunk(delta("Hel")), chunk(event(b"{no JSON")), LAST_CHUNK], "cannot be read"),
        ([STREAM_HEAD, chunk(event({"error": {"message": "Oh dear."}})), LAST_CHUNK], "broke off: Oh dear."),
        ([STREAM_HEAD, chunk(delta("Hel")), End.HANG], "no answer within 1 s"),
    ],
)
def test_a_stream_that_breaks_off(check: Callable[..., list[Told]], script: Script, meaning: str) -> None:
    told = check({"/v1/chat/completions": script}, patience_s=1)
    assert told[1].ok is False
    assert meaning in told[1].sentence


def test_a_server_that_knows_the_older_name_of_the_bound_alone(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    bodies: list[dict[str, object]] = []

    def serve(request: ReceivedRequest) -> Iterator[Step]:
        if request.path != "/v1/chat/completions":
            yield from ALL_WELL[request.path]
            return
        bodies.append(request.json())
        is_first = len(bodies) == 1
        yield from refuse(400, "no", param="max_completion_tokens") if is_first else answer("Hi")

    with ScriptedUpstream(serve) as upstream:
        environ = settings_for(upstream.base_url, CHATAPP_DATA=str(tmp_path_factory.mktemp("data")))
        told = list(KeyCheck(load_settings(environ)).run())
    assert [each.ok for each in told] == [True] * 4
    assert bodies[1]["max_tokens"] == 16


def test_nobody_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    address = f"http://127.0.0.1:{free_port()}/v1"
    environ = settings_for(address, CHATAPP_DATA=str(tmp_path_factory.mktemp("data")))
    told = list(KeyCheck(load_settings(environ)).run())
    assert [each.ok for each in told] == [False] * 4
    assert "upstream cannot be reached" in told[0].sentence


# Against the simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    server = SimulatorServer.private(Pace(first_token_s=0.01, tokens_per_s=1000))
    server.start()
    yield server
    server.stop()


def simulated(
    simulator: SimulatorServer, settings: Settings, scenario: str, key: str | None = None
) -> list[Told]:
    check = KeyCheck(
        settings,
        base_url=simulator.base_url,
        api_key=key or simulator.api_key,
        scenario=scenario,
        patience_s=1.5 if scenario in ("timeout", "silent", "slow") else 20,
    )
    return list(check.run())


def test_the_simulator_is_well_and_has_no_realtime_to_be_asked_for(
    simulator: SimulatorServer, settings: Settings
) -> None:
    assert [told.ok for told in simulated(simulator, settings, "")] == [True] * 3


def test_a_key_that_the_simulator_does_not_know(simulator: SimulatorServer, settings: Settings) -> None:
    told = simulated(simulator, settings, "", key="sk-another")
    assert [each.ok for each in told] == [False] * 3
    assert all("the key is not known there (401)" in each.sentence for each in told)


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        (Fault.TIMEOUT, "no answer within 1.5 s"),
        (Fault.RATE_LIMIT, "upstream refuses for now (429)"),
        (Fault.SERVER_ERROR, "upstream failed (500)"),
        (Fault.AUTH, "the key is not known there (401)"),
        (Fault.FORBIDDEN, "may not do this (403)"),
        (Fault.NOT_FOUND, "there is no such thing (404)"),
        (Fault.CUT, "hung up"),
        (Fault.MALFORMED, "cannot be read"),
        (Fault.SLOW, "no answer within 1.5 s"),
        (Fault.SILENT, "no answer within 1.5 s"),
    ],
)
def test_every_fault_is_told(
    simulator: SimulatorServer, settings: Settings, fault: Fault, meaning: str
) -> None:
    told = simulated(simulator, settings, fault.value)
    assert [told[0].ok, told[2].ok] == [True, True]
    assert not told[1].ok
    assert meaning in told[1].sentence
