"""The whole examination, of a deployment that is well, and through the shipped proxies."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from chatapp.doctor.examination import Wishes
from tests.deploy.proxy import Apache, Nginx, Proxy
from tests.doctor.conftest import examined, site, wrongs
from tests.server import RunningServer

SHORT = Wishes(message="simulate 40 tokens")
TRIES = 3
"""A machine that stands still in mid-answer looks like something that buffers."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            each, id=each.program, marks=pytest.mark.skipif(not each.path(), reason=f"no {each.program}")
        )
        for each in (Nginx, Apache)
    ],
)
def proxy(
    request: pytest.FixtureRequest, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    program: type[Proxy] = request.param
    with program(tmp_path_factory.mktemp(program.program) / "proxy", server.port) as running:
        yield running


def well(url: str, token: str, wishes: Wishes) -> str:
    """What is said of a deployment that is well."""
    for _ in range(TRIES):
        report, said = examined(url, token, wishes)
        if not report.wrongs and "✓ nothing on the way buffers" in said:
            return said
    raise AssertionError(said)


def test_all_is_well_without_anything_on_the_way(server: RunningServer) -> None:
    before = conversations(server)
    said = well(server.url, server.token, Wishes(message="simulate 40 tokens", heartbeat=True))

    assert "upstream: ok, simulated" in said
    assert "a body that is too large: 413, in the API's shape" in said
    assert "Cache-Control: no-cache, no-store, must-revalidate, no-transform" in said
    assert re.search(r"✓ 40 tokens, [\d.]+ in a second; between two: median \d", said)
    assert "█" in said
    assert re.search(r"✓ [12] heartbeats?; the longest time without a byte", said)
    assert "`done` (stop) came last and once" in said
    assert "resuming: cut off after 10 tokens, 30 more after Last-Event-ID; together what is saved" in said
    assert "told so (204)" in said
    assert "a stream token opens the stream once, and not twice" in said
    assert "an answer ends when it is cancelled" in said
    assert "removed what this test made: 4 conversations" in said
    assert conversations(server) == before


def conversations(server: RunningServer) -> object:
    return site(server.url, server.token).ask("GET", "/api/v1/conversations").object()["items"]


def test_all_is_well_through_the_shipped_proxies(proxy: Proxy, server: RunningServer) -> None:
    said = well(proxy.url, server.token, SHORT)
    assert "resuming: cut off after 10 tokens" in said


def test_a_token_that_is_worthless_is_said_to_be_so(server: RunningServer) -> None:
    report, said = examined(server.url, "worthless", SHORT)
    assert wrongs(report) == ["signing in: the answer is 401, not 200: UNAUTHORIZED, Unauthorized"]
    assert "→ An API token is made on the deployment's page /tokens" in said
    assert "worthless" not in said


def test_an_email_and_its_password_sign_in(server: RunningServer) -> None:
    server.sign_up()
    good = Wishes(email=server.email, password=server.password, scenario="auth")
    report, said = examined(server.url, "", good)
    assert "✓ e-mail and password give a token" in said
    assert len(wrongs(report)) == 1  # the scenario's own
    report, said = examined(server.url, "", Wishes(email=server.email, password="not this one"))
    assert wrongs(report)[0].startswith("signing in: the answer is 401, not 200")
    assert "not this one" not in said
