"""Forms with files, for browsers without JavaScript: what is sent goes to the disk as it comes, not into the memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from pipeline.errors import CandidError

_MOST_PARTS = 300
_NOT_A_FORM = CandidError("This form did not arrive as it was sent.", "Go back and try again.")


@dataclass(frozen=True, slots=True)
class Begins:
    """A field of the form. `file` is what a file is called that was chosen, "" for none; None for a text."""

    name: str
    file: str | None


Event = Begins | bytes | None  # a field begins; what is in it; it ends


async def events(request: Request) -> AsyncGenerator[Event, None]:
    """What a form holds, in the order in which it comes. CandidError where it is none."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise _NOT_A_FORM
    form = _Form(options[b"boundary"])
    try:
        async for block in request.stream():
            for event in form.read(block):
                yield event
    except FormParserError as fault:
        raise _NOT_A_FORM from fault
    if not form.whole:
        raise _NOT_A_FORM


class _Form:
    """Turns the parser's calls into a list of what it found in a block."""

    def __init__(self, boundary: bytes) -> None:
        self.whole = False
        self._found: list[Event] = []
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        self._parts = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header,
                "on_headers_finished": self._begins,
                "on_part_data": lambda data, start, end: self._found.append(data[start:end]),
                "on_part_end": lambda: self._found.append(None),
                "on_end": self._end,
            },
        )

    def read(self, block: bytes) -> list[Event]:
        self._found = []
        self._parser.write(block)
        return self._found

    def _part(self) -> None:
        self._headers = {}
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _NOT_A_FORM

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _begins(self) -> None:
        _, told = parse_options_header(self._headers.get(b"content-disposition", b""))
        file = told[b"filename"].decode("utf-8", "replace") if b"filename" in told else None
        self._found.append(Begins(told.get(b"name", b"").decode("utf-8", "replace"), file))

    def _end(self) -> None:
        self.whole = True
