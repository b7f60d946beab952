"""Request bodies: read in bounded time, parsed as JSON, validated."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from itertools import islice
from typing import Annotated, Any, TypeVar

import gevent
from flask import request
from gunicorn.http.errors import ParseException
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema

from chatapp.accounts.account import is_text
from chatapp.errors import (
    FieldError,
    MalformedRequest,
    RequestTimeout,
    TooLarge,
    UnsupportedMediaType,
    ValidationFailed,
)

Model = TypeVar("Model", bound=BaseModel)
_TOLD = 20
"""Faults of a body that are told one by one."""
_SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "This field is not known.",
    "string_pattern_mismatch": "This is not written in the form that is described for it.",
    "string_unicode": "This text has characters that are no text.",
    "string_type": "This is no text.",
    "float_type": "This is no number.",
    "int_type": "This is no whole number.",
    "bool_type": "This is neither true nor false.",
}


class Body(BaseModel):
    """Base of every request body: exact types, and no field that is not named."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=False)


def plain_text(value: str) -> str:
    """`value`, if both databases can hold it: no U+0000, and no lone surrogate, which exact types let through."""
    if "\0" in value:
        raise ValueError("This text must not contain the character U+0000.")
    if not is_text(value):
        raise ValueError(_SENTENCES["string_unicode"])
    return value


Text = Annotated[
    str, AfterValidator(plain_text), WithJsonSchema({"type": "string", "pattern": "^[^\\u0000]*$"})
]
"""Text of any length."""


def _whole(value: Any) -> Any:
    """In JSON there is one kind of number: 30.0 is 30."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""After the bounds of an `int`: it may be written with a fraction that is none."""

_BLANK = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Python trims. `\\s` means something else in every dialect of patterns."""


def trimmed_schema(max_length: int) -> WithJsonSchema:
    """Says of a text that it has 1 to `max_length` characters after trimming, as far as JSON Schema can: one that is
    longer because of its blanks is taken as well."""
    pattern = rf"^[^\u0000]*[^\u0000{_BLANK}][^\u0000]*$"
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": max_length, "pattern": pattern})


def read_body(patience_s: float, most_bytes: int) -> bool:
    """Whether the request has a body; it is in memory then, and must have come in whole within `patience_s` seconds,
    however it dribbles. Raises RequestTimeout, MalformedRequest where its framing is broken, and TooLarge, where its
    length is told beforehand through Flask's own limit."""
    if not (request.content_length or request.headers.get("Transfer-Encoding")):
        return False
    try:
        with gevent.Timeout(patience_s, RequestTimeout("too long")):
            body = request.get_data(cache=True)
    except (RequestTimeout, TimeoutError):
        _take_no_more(request.environ.get("gunicorn.socket"))
        raise RequestTimeout("The request's body took too long to arrive.") from None
    except (ParseException, OSError):
        raise MalformedRequest("The request's body is broken off, or not framed as HTTP has it.") from None
    if len(body) > most_bytes:
        _take_no_more(request.environ.get("gunicorn.socket"))
        raise TooLarge("The request is too large.")
    return True


def _take_no_more(client: socket.socket | None) -> None:
    """Ends the connection after this answer: the server would go on to read the rest of the body."""
    if client is not None:
        client.shutdown(socket.SHUT_RD)


def parsed(model: type[Model]) -> Model:
    """The JSON body as `model`. Raises UnsupportedMediaType, MalformedRequest or ValidationFailed."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send the body as application/json.")
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without a Content-Encoding.")
    try:
        written = request.get_data(cache=True).decode("utf-8")
        value = json.loads(written, object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not well-formed JSON in UTF-8.") from None
    return validated(lambda: model.model_validate(with_few_unknown(model, value)))


def parsed_if_any(model: type[Model]) -> Model:
    """The same, where the body may be left out: then `model` without any field."""
    return parsed(model) if request.get_data(cache=True) else model()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """One that names a field twice can be read in two ways: who checked it before us may have read it in the other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_number(name: str) -> float:
    """NaN and the infinities, which Python reads and JSON does not know."""
    raise ValueError(name)


def with_few_unknown(model: type[Model], value: Any) -> Any:
    """`value` with no more unknown fields than are told: a body has room for twenty thousand, and making an error of
    each would hold up every stream of this process."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    if not isinstance(value, dict) or len(value) <= len(known) + _TOLD:
        return value
    unknown = islice((name for name in value if name not in known), _TOLD)
    return {name: value[name] for name in [*filter(value.__contains__, known), *unknown]}


def validated(build: Callable[[], Model]) -> Model:
    """What `build` gives, with pydantic's refusal told as ValidationFailed."""
    try:
        return build()
    except ValidationError as error:
        raise ValidationFailed(
            [_told(each) for each in error.errors(include_url=False, include_input=False)[:_TOLD]]
        ) from None


def _told(error: Any) -> FieldError:
    field = ".".join(map(str, error["loc"])) if error["loc"] else "body"
    shown = field.encode("ascii", "backslashreplace").decode()[:100]
    message = _SENTENCES.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
    return FieldError(shown, message)
