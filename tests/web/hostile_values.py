"""What no honest client sends: names for paths, values for fields and headers."""

from __future__ import annotations

from typing import Any

SEGMENTS = [
    "..", ".", "%2e%2e", "%2e%2e%2f%2e%2e", "%252e%252e%252f", "%2f", "%5c", "%00", "x%00y", ";", ";a=b", "%3b",
    "%c0%ae%c0%ae", "%c0%af", "%ff", "%ed%a0%80", "%0d%0aX-Forged:%20yes", "%0a", "%1b[31m", "%e2%80%a8", "%85",
    "%7f", "%", "%zz", "%u002e", "x" * 4000, "'", "%22", "<script>", "{{7*7}}", "%s", "~", "-1", "0", "*", "\\",
    "session-20250819-143022-a1b2%00", "\u0661", "%F0%9F%A4%96",
]  # fmt: skip
"""Segments of a path, as they are written in a request."""

DISGUISES = [
    "/{path}", "//{path}", "/.{path}", "/..{path}", "{path}/", "{path}//", "{path}/.", "{path}/..", "{path}%2f",
    "{path}%00", "{path};", "{path};jsessionid=1", "{path}%20", "{path}.json", "{path}%3f", "{path}%23",
    "/static/..{path}", "/static/%2e%2e{path}", "/api/health/..{path}", "/api/health%2f..{path}", "/%2e{path}",
    "/%252e%252e{path}", "{upper}",
]  # fmt: skip
"""Ways to write the path of another route. None of them is that route."""

CONTROLS = {
    "line": "a\r\nX-Forged: yes",
    "line feed": "a\nforged",
    "carriage return": "a\rforged",
    "escape": "\x1b[2Jforged",
    "next line": "\x85forged",
    "control sequence": "\x9b2Jforged",
    "line separator": "\u2028forged",
    "right to left": "\u202eforged",
    "delete": "\x7fforged",
    "bell": "\x07forged",
}
"""What must not come out raw in a log line or in a header."""

WRONG: list[tuple[str, Any]] = [
    ("null", None),
    ("boolean", True),
    ("boolean", False),
    ("integer", 0),
    ("integer", -1),
    ("integer", 2**63),
    ("integer", 2**64),
    ("integer", 10**400),
    ("number", 1.5),
    ("number", -0.0),
    ("string", ""),
    ("string", "true"),
    ("string", "\0"),
    ("string", "\ud800"),
    ("string", "x" * 5000),
    ("array", []),
    ("array", [None]),
    ("array", [[[]]]),
    ("array", ["a"] * 1000),
    ("object", {}),
    ("object", {"a": {"b": []}}),
    ("object", {"$ne": None}),
]
"""Values by the type that JSON Schema calls them."""

EXTRA = {
    "role": "admin",
    "is_admin": True,
    "user_id": "0",
    "created_at": "2000-01-01T00:00:00Z",
    "disabled_at": None,
    "password_hash": "x",
    "jti": "x",
    "status": "complete",
    "__proto__": {"role": "admin"},
    "__class__": "x",
    "Message": "x",
}
"""Fields that somebody might hope are taken."""
