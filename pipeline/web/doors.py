"""How a module of pages names its doors: path, function, and what a visitor needs. There is no door without that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.web.rights import Need

F = TypeVar("F", bound=Callable[..., Any])

_A_FORM = 256 << 10  # bytes: what a page's form may send


@dataclass(frozen=True, slots=True)
class Door:
    """`owned` is the name of the path's part that says whose it is (take or upload), where the need is OWNER.

    `largest`: bytes of a body, None for a stream that counts for itself. `rate` is how often one address may come, as
    the library limits writes it ("10/minute"), and `crowd` how many times as often all addresses together may.
    """

    path: str
    methods: tuple[str, ...]
    need: Need
    serve: Callable[..., Any]
    owned: str = ""
    largest: int | None = _A_FORM
    rate: str = ""
    crowd: int = 20

    @property
    def name(self) -> str:
        return self.serve.__name__


class Doors:
    """The doors of one module."""

    def __init__(self) -> None:
        self._all: list[Door] = []

    def __iter__(self) -> Iterator[Door]:
        return iter(self._all)

    def at(
        self,
        path: str,
        need: Need,
        *methods: str,
        owned: str = "take",
        largest: int | None = _A_FORM,
        rate: str = "",
        crowd: int = 20,
    ) -> Callable[[F], F]:
        """Decorates the function behind a door; GET (with HEAD) where no method is named."""

        def add(serve: F) -> F:
            told = methods or ("GET", "HEAD")
            self._all.append(Door(path, told, need, serve, owned if need is Need.OWNER else "", largest, rate, crowd))
            return serve

        return add
