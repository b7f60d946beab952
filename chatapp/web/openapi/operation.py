"""Operations: what a view says of itself. Its summary and its description are its docstring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chatapp.errors import ChatappError
from chatapp.web.access import View
from chatapp.web.body import Body
from chatapp.web.openapi.parameter import Parameter

_OPERATION = "openapi_operation"


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON body of this shape, a TypedDict, and an example of it. `means` is one sentence."""

    shape: Any
    example: Mapping[str, Any]
    means: str = "Done."


@dataclass(frozen=True, slots=True)
class Stream:
    """Server-Sent Events: the shapes of `data` by the event's name, `message` for those without one, and a whole
    stream as it is sent. `is_bound` says that it belongs to the request that sent the message."""

    events: Mapping[str, Any]
    example: str
    is_bound: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A body that is neither."""

    media_type: str
    means: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """No body."""

    means: str


Answer = Json | Stream | Text | Nothing


@dataclass(frozen=True, slots=True)
class Operation:
    """See `described`."""

    answers: Mapping[int, Answer]
    takes: type[Body] | None
    example: Mapping[str, Any] | None
    asks: tuple[Parameter, ...]
    errors: tuple[type[ChatappError], ...]
    follow_ups: Mapping[str, Mapping[str, str]]
    needs_body: bool = True

    @property
    def stream(self) -> Stream | None:
        return next((each for each in self.answers.values() if isinstance(each, Stream)), None)


def described(
    answers: Mapping[int, Answer],
    *,
    takes: type[Body] | None = None,
    example: Mapping[str, Any] | None = None,
    asks: tuple[Parameter, ...] = (),
    errors: tuple[type[ChatappError], ...] = (),
    follow_ups: Mapping[str, Mapping[str, str]] | None = None,
    needs_body: bool = True,
) -> Callable[[View], View]:
    """Marks a view with what it answers when it goes well, the body that it takes and an example of one, the query
    and header parameters that it reads, and the refusals that are its own. What every view may answer is added by
    rule, see chatapp/web/openapi/refusal.py. `follow_ups` are the operations that its first answer leads to, by
    their ids, with where their parameters stand in it."""
    operation = Operation(answers, takes, example, asks, errors, follow_ups or {}, needs_body)

    def mark(view: View) -> View:
        setattr(view, _OPERATION, operation)
        return view

    return mark


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What the view says of itself, if it says anything."""
    found: Operation | None = getattr(view, _OPERATION, None)
    return found
