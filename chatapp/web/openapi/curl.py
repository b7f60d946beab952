"""The line that a person types to make a call, in a shell where URL and TOKEN are set."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any


def curl(
    method: str,
    path: str,
    operation: Mapping[str, Any],
    parameters: Iterable[Mapping[str, Any]],
    *,
    is_public: bool,
) -> str:
    """The call with the description's own examples."""
    for each in parameters:
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", each["example"])
    words = [
        "curl" if method in ("GET", "POST") and not _needs_method(method, operation) else f"curl -X {method}"
    ]
    if _streams(operation):
        words[0] += " -N"
    if not is_public:
        words.append('-H "Authorization: Bearer $TOKEN"')
    if "requestBody" in operation:
        example = operation["requestBody"]["content"]["application/json"]["example"]
        words.append("-H 'Content-Type: application/json'")
        words.append(f"-d {shlex.quote(json.dumps(example, ensure_ascii=False))}")
    return " \\\n  ".join([*words, f'"$URL{path}"'])


def _needs_method(method: str, operation: Mapping[str, Any]) -> bool:
    """A body makes a POST of a call, and nothing else does."""
    return method == "POST" and "requestBody" not in operation


def _streams(operation: Mapping[str, Any]) -> bool:
    return "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
