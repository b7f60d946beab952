"""Parameters that a model refuses are left out for that model from then on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.scripted_upstream import ScriptedUpstream, answer, refuse, respond
from tests.upstream.calls import REQUEST, failure, read, text, upstream_at


def sent(server: ScriptedUpstream) -> list[dict[str, Any]]:
    parameters = {"stream_options", "max_completion_tokens", "max_tokens", "temperature", "top_p"}
    return [
        {name: value for name, value in request.json().items() if name in parameters}
        for request in server.requests
    ]


def test_a_refused_parameter_is_left_out_from_then_on_for_that_model() -> None:
    scripts = [refuse(400, "Unsupported value.", param="temperature"), answer("a")]
    with ScriptedUpstream(*scripts) as server, upstream_at(server, temperature=0.2) as upstream:
        assert [read(upstream), read(upstream)] == ["a", "a"]
        read(upstream, replace(REQUEST, model="other"))
    assert ["temperature" in each for each in sent(server)] == [True, False, False, True]


def test_the_bound_falls_back_to_its_former_name_and_then_to_none() -> None:
    scripts = [
        refuse(400, "Unrecognized request argument supplied: max_completion_tokens"),
        refuse(400, "max_tokens is too large: 2000."),
        answer("a"),
    ]
    with ScriptedUpstream(*scripts) as server, upstream_at(server) as upstream:
        assert read(upstream) == "a"
    usage = {"stream_options": {"include_usage": True}}
    assert sent(server) == [usage | {"max_completion_tokens": 2000}, usage | {"max_tokens": 2000}, usage]


def test_every_parameter_may_be_refused_and_the_retries_add_up() -> None:
    scripts = [
        refuse(500, "first a retry"),
        refuse(400, "x", param="stream_options.include_usage"),
        respond(422, {"detail": "max_completion_tokens: extra fields not permitted"}),
        refuse(429, "another retry"),
        refuse(400, "x", param="temperature"),
        refuse(400, "x", param="max_tokens"),
        answer("a"),
    ]
    with ScriptedUpstream(*scripts) as server, upstream_at(server, temperature=1) as upstream:
        reply = upstream.open(REQUEST)
        assert (text(reply), reply.retries) == ("a", 2)
        reply.close()
    assert sent(server)[-1] == {}


def test_the_parameter_that_is_named_decides_and_not_another_in_the_message() -> None:
    scripts = [refuse(400, "temperature is fine", param="max_completion_tokens"), answer("a")]
    with ScriptedUpstream(*scripts) as server, upstream_at(server, temperature=1) as upstream:
        read(upstream)
    assert sent(server)[1].keys() == {"stream_options", "max_tokens", "temperature"}


def test_a_rejection_that_names_no_parameter_of_ours_is_final() -> None:
    scripts = [refuse(400, "max_tokens_per_day was reached", param="messages"), answer("a")]
    with ScriptedUpstream(*scripts) as server, upstream_at(server) as upstream:
        assert failure(lambda: upstream.open(REQUEST)).error_code == "UPSTREAM_REJECTED"
    assert len(server.requests) == 1


def test_a_parameter_that_is_not_sent_cannot_be_refused_again() -> None:
    with (
        ScriptedUpstream(refuse(400, "temperature")) as server,
        upstream_at(server, temperature=1) as upstream,
    ):
        assert failure(lambda: upstream.open(REQUEST)).message == "temperature"
    assert len(server.requests) == 2


def test_a_value_that_a_voice_has_and_a_model_refuses_changes_nothing_for_others() -> None:
    """Anybody can make a voice; the bound of the output is everybody's."""
    own = {"max_output_tokens": 1, "temperature": 2.0, "top_p": 0.1}
    scripts = [
        refuse(400, "x", param="max_completion_tokens"),
        refuse(400, "x", param="temperature"),
        refuse(400, "x", param="top_p"),
        answer("a"),
    ]
    with ScriptedUpstream(*scripts) as server, upstream_at(server, temperature=0.5) as upstream:
        for _ in range(2):
            assert read(upstream, replace(REQUEST, parameters=own)) == "a"
        read(upstream)
        read(upstream, replace(REQUEST, parameters={"max_output_tokens": 20, "top_p": 0.9}))
    first, *_, left, again, others, another = sent(server)
    usual = {"stream_options": {"include_usage": True}, "max_completion_tokens": 2000, "temperature": 0.5}
    assert first == usual | {"max_completion_tokens": 1, "temperature": 2.0, "top_p": 0.1}
    assert left == again == others == usual
    assert another == usual | {"max_completion_tokens": 20, "top_p": 0.9}


def test_a_voice_keeps_its_bound_where_only_the_former_name_is_known() -> None:
    refused = refuse(400, "Unrecognized request argument supplied: max_completion_tokens")
    with ScriptedUpstream(refused, refused, answer("a")) as server, upstream_at(server) as upstream:
        assert read(upstream, replace(REQUEST, parameters={"max_output_tokens": 9})) == "a"
        read(upstream)
    bounds = [(each.get("max_completion_tokens"), each.get("max_tokens")) for each in sent(server)]
    assert bounds == [(9, None), (2000, None), (None, 9), (None, 2000)]


def test_what_a_voice_shares_with_the_settings_is_refused_for_all_in_the_end() -> None:
    refused = refuse(400, "x", param="temperature")
    with (
        ScriptedUpstream(refused, refused, answer("a")) as server,
        upstream_at(server, temperature=1) as upstream,
    ):
        assert read(upstream, replace(REQUEST, parameters={"temperature": 1.0})) == "a"
    assert ["temperature" in each for each in sent(server)] == [True, True, False]
