"""What `candid serve` is told: where it listens, how it is reached, and how open it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.errors import CandidError

_HERE = frozenset(("127.0.0.1", "::1", "localhost"))


@dataclass(frozen=True, slots=True)
class Settings:
    """`origin` is the address in people's browsers where that is not where the server listens (behind a proxy)."""

    root: Path  # of the workspace
    host: str = "127.0.0.1"
    port: int = 8000
    origin: str = ""
    certfile: Path | None = None
    keyfile: Path | None = None
    proxies: tuple[str, ...] = ()  # addresses whose X-Forwarded-For is believed
    moderated: bool = False  # new suggestions wait for the coordinator

    def __post_init__(self) -> None:
        parts = urlsplit(self.origin)
        if self.origin and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/")):
            raise CandidError(
                f"{self.origin!r} is no address of a server.", "Write for example https://candid.example.org"
            )

    @property
    def address(self) -> str:
        """What people type, without a slash at the end."""
        if self.origin:
            return self.origin.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certfile else 'http'}://{host}:{self.port}"

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.address.startswith("https:")

    @property
    def records(self) -> bool:
        """Whether a browser there lends its camera: by https, or on the server's own machine."""
        return self.secure or urlsplit(self.address).hostname in _HERE

    @property
    def hosts(self) -> frozenset[str]:
        """The names by which it may be called; others are an attack by a name that points here (DNS rebinding)."""
        own = {urlsplit(self.address).hostname or self.host, self.host}
        return frozenset(own | (_HERE if own & _HERE else set()))
