"""The API's description: every route is in it, nothing else is, and what it says is so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from inspect import getdoc
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from chatapp.web.body import Body
from chatapp.web.openapi.description import api_rules, description_of
from chatapp.web.openapi.operation import operation_of
from tests.web.conftest import fields_at_fault

VARIABLE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


@pytest.fixture(scope="module")
def description(standing_app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = standing_app.test_client().get("/api/openapi.json").get_json()
    return found


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_route_of_the_api_is_described_and_nothing_else(
    standing_app: Flask, description: dict[str, Any]
) -> None:
    routes = {(method, VARIABLE.sub(r"{\1}", rule.rule)) for method, rule in api_rules(standing_app)}
    described = {(method, path) for method, path, _ in operations(description)}
    assert len(routes) > 20
    missing = "mark its view with @described, see CONTRIBUTING.md, `To add a route`"
    assert routes - described == set(), missing
    assert described - routes == set()


def test_it_is_openapi(description: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(description).validate()


def test_every_view_says_in_its_docstring_what_it_does(standing_app: Flask) -> None:
    views = {rule.endpoint: standing_app.view_functions[rule.endpoint] for _, rule in api_rules(standing_app)}
    assert [name for name, view in views.items() if not getdoc(view)] == []


def test_operations_have_names_of_their_own_and_lead_to_others(description: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(description)]
    assert sorted(set(names)) == sorted(names)
    wanted = {operation["operationId"]: variables(path) for _, path, operation in operations(description)}
    links = [
        link
        for _, _, operation in operations(description)
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert links
    assert [link for link in links if set(link["parameters"]) != wanted[link["operationId"]]] == []


def variables(path: str) -> set[str]:
    return set(re.findall(r"\{([^{}]+)\}", path))


def test_the_parameters_of_a_path_are_those_in_it(description: dict[str, Any]) -> None:
    for _, path, operation in operations(description):
        told = {each["name"] for each in operation["parameters"] if each.get("in") == "path"}
        assert told == variables(path)


def test_bodies_are_described_as_strictly_as_they_are_taken(
    standing_app: Flask, description: dict[str, Any]
) -> None:
    bodies = [operation_of(standing_app.view_functions[rule.endpoint]) for _, rule in api_rules(standing_app)]
    taken = {each.takes for each in bodies if each and each.takes}
    assert len(taken) > 3
    for body in taken:
        assert issubclass(body, Body)
        assert description["components"]["schemas"][body.__name__]["additionalProperties"] is False


def test_who_may_call_is_described_as_it_is(standing_app: Flask, description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        at = re.sub(r"\{[^{}]+\}", "x", path)
        answered = standing_app.test_client().open(at, method=method, json={})
        asks = answered.status_code == 401 or (
            answered.status_code == 422 and fields_at_fault(answered) == {"token"}
        )
        assert asks is (operation.get("security") != []), path


def test_the_proof_of_our_own_page_is_described_where_it_is_demanded(description: dict[str, Any]) -> None:
    for method, _, operation in operations(description):
        by_cookie = [each for each in operation.get("security", description["security"]) if "cookie" in each]
        assert all(("csrf" in each) is (method != "GET") for each in by_cookie)


def test_a_view_without_a_description_is_left_out(standing_app: Flask) -> None:
    """And so the first test above is red."""
    app = Flask("bare")
    app.add_url_rule("/api/bare", view_func=lambda: "")
    assert description_of(app)["paths"] == {}
    assert [rule.rule for _, rule in api_rules(app)] == ["/api/bare"]


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/docs"])
def test_both_are_for_anybody_and_kept_by_nobody(standing_app: Flask, path: str) -> None:
    first, second = (standing_app.test_client().get(path) for _ in range(2))
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-store")
    assert "Set-Cookie" not in first.headers
    assert first.get_data() == second.get_data()


def test_it_tells_nothing_of_this_installation(
    standing_app: Flask, description: dict[str, Any], standing_api: FlaskClient
) -> None:
    """Which models are offered is for who is signed in to know."""
    models = {model["id"] for model in standing_api.get("/api/v1/models").get_json()["items"]}
    assert "gpt-4o-mini" in models
    assert "gpt-4o-mini" not in json.dumps(description)
