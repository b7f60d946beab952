"""The line that somebody with a fresh API token can try at once."""

from __future__ import annotations

import shlex

_BODY = '{"message": "Hello! What can you do?"}'


def curl_line(address: str, token: str) -> str:
    """A complete `curl` command that asks the chatapp at `address` something and shows the answer as it comes."""
    return (
        f"curl -N {shlex.quote(f'{address}/api/v1/chat')} -H {shlex.quote(f'Authorization: Bearer {token}')} "
        f"-H 'Content-Type: application/json' -d {shlex.quote(_BODY)}"
    )
