"""Where the deployment is."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from chatapp.doctor.plain import plain
from chatapp.doctor.trouble import Unreachable

_PORTS = {"http": 80, "https": 443}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Address:
    """A deployment's address; `prefix` is the path it is mounted at, without a slash at the end."""

    scheme: str
    host: str
    port: int
    prefix: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises Unreachable for what is no address."""
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").encode("idna").decode("ascii")
        except ValueError:  # UnicodeError is one
            raise Unreachable(f"{plain(url)} is no address") from None
        if parts.scheme not in _PORTS or not host or not _fits(parts.path):
            raise Unreachable(f"{plain(url)} is no address: it begins with http:// or https://")
        if parts.username is not None or parts.query or parts.fragment:
            raise Unreachable("the address has a name, a query or a fragment, and needs none of them")
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], parts.path.rstrip("/"))

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    @property
    def in_the_clear(self) -> bool:
        """Whether others on the way can read along."""
        return not self.secure and self.host not in _LOOPBACK

    @property
    def authority(self) -> str:
        """As the header `Host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix}"


def _fits(path: str) -> bool:
    return path.isascii() and path.isprintable() and " " not in path
