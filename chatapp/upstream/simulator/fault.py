"""The ways in which the simulator fails when it is asked to (X-Test-Scenario)."""

from __future__ import annotations

from enum import StrEnum

from chatapp.upstream.simulator.api_error import ApiError


class Fault(StrEnum):
    TIMEOUT = "timeout"
    """Nothing is answered, not even a status, until the client hangs up."""
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    AUTH = "auth"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CUT = "cut"
    """The connection breaks after a few tokens."""
    MALFORMED = "malformed"
    """After a few tokens comes something that is no JSON."""
    SLOW = "slow"
    """The rate falls to SLOW_RATE."""
    SILENT = "silent"
    """After a few tokens nothing more comes, and the connection stays open."""


SLOW_RATE = 1.0
"""Tokens per second under Fault.SLOW, if the rate is not lower anyway."""

TOKENS_BEFORE = 5
"""Tokens that leave before `cut`, `malformed` and `silent` strike."""

# The client would wait for half a second and more before it tries again; a fault that was asked for need not.
_SOON = (("Retry-After-Ms", "50"),)


def fault_of(header: str | None) -> Fault | None:
    """The fault that the header asks for. Raises ApiError for a name that is none."""
    try:
        return Fault(header) if header else None
    except ValueError:
        raise ApiError(400, "X-Test-Scenario names no known scenario.") from None


def refuse(fault: Fault | None, model: str) -> None:
    """Raises the ApiError that `fault` is, if it is one that is answered with a status."""
    match fault:
        case Fault.RATE_LIMIT:
            raise ApiError(
                429, "Rate limit reached.", kind="requests", code="rate_limit_exceeded", headers=_SOON
            )
        case Fault.SERVER_ERROR:
            raise ApiError(500, "The server had an error.", kind="server_error", headers=_SOON)
        case Fault.AUTH:
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")
        case Fault.FORBIDDEN:
            raise ApiError(403, f"Project does not have access to model `{model}`.")
        case Fault.NOT_FOUND:
            raise ApiError(404, f"The model `{model}` does not exist.", code="model_not_found")
