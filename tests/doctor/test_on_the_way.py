"""What stands between a reader and the server, and spoils streams: made for the test, and the real nginx and Apache."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp.doctor.chat_check import chat
from chatapp.doctor.heartbeats import silence
from chatapp.doctor.report import Mark, Report
from tests.deploy.proxy import Apache, Nginx
from tests.doctor.conftest import site
from tests.doctor.middleman import (
    Middleman,
    Policy,
    all_at_the_end,
    at_once,
    by_4096,
    first_bytes_then_the_rest,
    now_and_then,
)
from tests.doctor.talker import Talker

NGINX_BUFFERS = {
    "proxy_buffering off;": "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;",
    "proxy_http_version 1.1;": "proxy_http_version 1.0;",
}
NGINX_COMPRESSES = {"gzip off;": "gzip on; gzip_proxied any; gzip_types text/event-stream;"}
APACHE_COMPRESSES = {
    "    SetEnv no-gzip 1\n    SetEnv no-brotli 1\n": "    SetOutputFilter DEFLATE\n",
    "LoadModule rewrite_module": "LoadModule filter_module ${MODULES}/mod_filter.so\n"
    "LoadModule deflate_module ${MODULES}/mod_deflate.so\nLoadModule rewrite_module",
}
needs_nginx = pytest.mark.skipif(not Nginx.path(), reason="no nginx")
needs_apache = pytest.mark.skipif(not Apache.path(), reason="no apache2")


@pytest.fixture(scope="module")
def talker() -> Iterator[Talker]:
    with Talker() as running:
        yield running


def told(url: str, *, simulated: bool = True) -> tuple[Report, str]:
    """What is said of a message that is sent there."""
    lines: list[str] = []
    report = Report(lines.append)
    chat(site(url, "token"), report, "Hello", scenario="", simulated=simulated)
    return report, "\n".join(lines)


def test_nothing_on_the_way(talker: Talker) -> None:
    # A machine that stands still in mid-answer looks like something that buffers.
    with Middleman(talker.port, at_once) as middleman:
        assert any("✓ nothing on the way buffers" in told(middleman.url)[1] for _ in range(3))


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (all_at_the_end, "✗ the whole answer was held back: its first bytes leave before the model is asked"),
        (first_bytes_then_the_rest, "✗ the beginning came at once, and then all 240 tokens"),
        (
            by_4096,
            r"about (3[5-9]|40)\d\d bytes .* in the middle of an event: something passes on full buffers only",
        ),
        (now_and_then, "✗ the tokens came in"),
    ],
)
def test_what_holds_tokens_back_is_told_with_the_remedies(
    talker: Talker, policy: Policy, sentence: str
) -> None:
    with Middleman(talker.port, policy) as middleman:
        report, said = told(middleman.url)
    assert re.search(sentence, said)
    (wrong,) = [finding for finding in report.findings if finding.mark is Mark.WRONG]
    for remedy in ("proxy_buffering off", "flushpackets=on", "flush_interval -1", "no-transform"):
        assert any(remedy in line for line in wrong.remedies)


def test_what_a_model_could_have_done_is_not_held_against_the_way(talker: Talker) -> None:
    with Middleman(talker.port, now_and_then) as middleman:
        report, said = told(middleman.url, simulated=False)
    assert "can do that too" in said
    assert report.wrongs == 0


@needs_nginx
def test_a_real_nginx_that_buffers(talker: Talker, tmp_path: Path) -> None:
    with Nginx(tmp_path / "proxy", talker.port, NGINX_BUFFERS) as proxy:
        assert "something passes on full buffers only" in told(proxy.url)[1]


@needs_nginx
def test_a_real_nginx_that_compresses(tmp_path: Path) -> None:
    with Talker(tokens=3) as talker, Nginx(tmp_path / "proxy", talker.port, NGINX_COMPRESSES) as proxy:
        check_compression(proxy.url)


@needs_apache
def test_a_real_apache_that_compresses(tmp_path: Path) -> None:
    with Talker(tokens=3) as talker, Apache(tmp_path / "proxy", talker.port, APACHE_COMPRESSES) as proxy:
        check_compression(proxy.url)


def check_compression(url: str) -> None:
    report, said = told(url)
    assert "✗ the stream comes compressed (gzip)" in said
    assert "SetEnv no-gzip 1" in said
    assert "`done` (stop) came last and once" in said  # asked again, without
    assert report.wrongs == 1


def test_too_short_an_answer_says_nothing() -> None:
    with Talker(tokens=5) as talker:
        assert "– whether something buffers cannot be told from 5 tokens" in told(talker.url)[1]


def test_a_server_that_takes_no_scenario_has_no_silence() -> None:
    report = Report(lambda _line: None)
    with Talker(tokens=3) as talker:
        silence(site(talker.url, "token"), report, "Hello")
    (finding,) = report.findings
    assert finding.mark is Mark.UNKNOWN
    assert "the server does not take X-Test-Scenario (CHATAPP_FAULTS=1)" in finding.sentence
