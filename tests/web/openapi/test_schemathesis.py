"""Everything that the description allows, and what it forbids, asked of a real server by schemathesis."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import httpx2
import jwt

from tests.scripted_upstream import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    ReceivedRequest,
    Script,
    ScriptedUpstream,
    chunk,
    delta,
    respond,
    usage,
)
from tests.server import ROOT, RunningServer
from tests.web.openapi.hooks import OFFERED, OWN_TOKEN

HERE = Path(__file__).resolve().parent
SEED = int(os.environ.get("CHATAPP_TEST_SEED") or random.randrange(2**32))
EXAMPLES = int(os.environ.get("CHATAPP_TEST_EXAMPLES") or 10)
"""For each operation. For a longer run by hand, both can be set in the environment."""
PATIENCE_S = 300 + 20 * EXAMPLES
_EVENTS = [*map(delta, ("Hello", ", ", "world!")), delta("", "stop"), usage(5, 15), DONE]
_ANSWER = b"".join([STREAM_HEAD, *map(chunk, _EVENTS), LAST_CHUNK])


def at_once(request: ReceivedRequest) -> Script:
    """An upstream that lets nobody wait."""
    return respond(200, {"data": [{"id": OFFERED}]}) if request.method == "GET" else [_ANSWER]


def asked(server: RunningServer, folder: Path) -> tuple[bool, str]:
    """Whether schemathesis was content, and what it said. All of its phases and all of its checks."""
    command = [
        str(Path(sys.executable).with_name("st")),
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        f"{server.url}/api/openapi.json",
        f"--header=Authorization: Bearer {server.token}",
        f"--seed={SEED}",
        f"--max-examples={EXAMPLES}",
        "--continue-on-failure",
        "--generation-database=none",
        "--no-color",
    ]
    own = jwt.decode(server.token, options={"verify_signature": False})["jti"]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.web.openapi.hooks", "PYTHONPATH": str(ROOT), OWN_TOKEN: own}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **hooks},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return done.returncode == 0, done.stdout + done.stderr


def test_no_server_error_and_no_answer_that_is_not_described(tmp_path: Path) -> None:
    with ScriptedUpstream(at_once) as upstream:
        settings = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "key-for-the-test"}
        with RunningServer(tmp_path, {**settings, "CHATAPP_MODELS": OFFERED}) as server:
            server.sign_up("--admin")  # who may ask for everything
            is_content, said = asked(server, tmp_path)
            assert is_content, f"seed {SEED}\n{said}"
            assert "Tested: " in said and "Stateful" in said
            ping = httpx2.get(
                f"{server.url}/api/v1/auth/ping",
                headers={"Authorization": f"Bearer {server.token}"},
                trust_env=False,
            )
            assert ping.status_code == 200, "the run has lost its own sign-in on the way"
            assert "Request failed" not in server.log_text(), f"seed {SEED}: a traceback in the log"
        messages = [request for request in upstream.requests if request.method == "POST"]
        assert messages, "no message was taken: the run has seen no stream"
