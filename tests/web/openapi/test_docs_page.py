"""The page that shows the API's description."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import Person, SignUp, signed_in


@pytest.fixture(scope="module")
def page(standing_app: Flask) -> str:
    answered = standing_app.test_client().get("/api/docs")
    assert answered.mimetype == "text/html"
    return answered.get_data(as_text=True)


def test_every_route_is_shown_with_a_call_to_try(standing_app: Flask, page: str) -> None:
    paths = standing_app.test_client().get("/api/openapi.json").get_json()["paths"]
    shown = page.replace("<wbr>", "")
    for path, methods in paths.items():
        assert f"<code>{path}</code>" in shown
        for operation in methods.values():
            assert page.count(f'<article id="{operation["operationId"]}"') == 1
    assert page.count("curl ") == sum(map(len, paths.values()))


def test_every_link_within_the_page_leads_somewhere(page: str) -> None:
    ids = re.findall(r'id="([^"]+)"', page)
    assert sorted(set(ids)) == sorted(ids)
    links = set(re.findall(r'href="#([^"]*)"', page))
    assert len(links) > 40
    assert links - set(ids) == set()


def test_the_page_needs_nothing_from_elsewhere_and_no_script(page: str) -> None:
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert [each for each in loaded if not re.match(r"/(?!/)|#", each)] == []
    assert " style=" not in page
    assert re.findall(r"<script(?! type=\"module\" src=\"/static/app.js\")", page) == []


def test_who_is_signed_in_sees_the_same_and_the_own_name(standing_app: Flask, sign_up: SignUp) -> None:
    somebody: Person = sign_up(standing_app, "docs@example.org")
    client: FlaskClient = signed_in(standing_app, somebody)
    page = client.get("/api/docs").get_data(as_text=True)
    assert somebody.email in page
    assert '<a href="/api/docs">' in client.get("/").get_data(as_text=True)
