"""Forms: url-encoded ones parsed in pieces, because a hostile one takes a tenth of a second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO
from urllib.parse import unquote_to_bytes

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from chatapp.web.pieces import Pieces
from chatapp.web.services import services

MOST_FIELDS = 100
"""Fields of one form, ours have five; one with more is taken for an empty one, as one that is no form is."""
_URL_ENCODED = "application/x-www-form-urlencoded"
_PART = 4096

Parsed = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]


class FormParser(FormDataParser):
    """Werkzeug's, but for url-encoded forms. Bytes that are no UTF-8 become U+FFFD, as the URL standard has it."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Parsed:
        if mimetype != _URL_ENCODED:
            return super().parse(stream, mimetype, content_length, options)
        return stream, self.cls(_fields(stream.read())), self.cls()


def _fields(body: bytes) -> Iterator[tuple[str, str]]:
    written = body.replace(b"+", b" ").split(b"&", MOST_FIELDS)
    if len(written) > MOST_FIELDS:
        return
    pieces = Pieces(services().turnstile)
    for field in filter(None, written):
        name, _, value = field.partition(b"=")
        yield _decoded(name, pieces), _decoded(value, pieces)


def _decoded(value: bytes, pieces: Pieces) -> str:
    parts = [value] if b"%" not in value else pieces.between(map(unquote_to_bytes, _parts(value)))
    return b"".join(parts).decode("utf-8", "replace")


def _parts(value: bytes) -> Iterator[bytes]:
    """`value` cut into parts, and no escape in two."""
    start = 0
    while start < len(value):
        end = start + _PART
        escape = value.rfind(b"%", end - 2, end)
        end = end if escape < 0 else escape
        yield value[start:end]
        start = end


class FormRequest(Request):
    """Flask's, with forms parsed as above."""

    form_data_parser_class = FormParser
