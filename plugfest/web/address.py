"""Where the panel listens, and which requests it accepts. Pure.

- Without an address it listens on the loopback interface only. On any other every request needs the token, which is in
the printed URL and afterwards in a cookie that scripts cannot read.
- A request names the host it wants to reach. A name that a foreign DNS may have bound to our address ("rebinding") is
refused: only addresses, ``localhost`` and this machine's own name are accepted.
- Requests from pages of other origins are always refused; browsers say where a request comes from.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from plugfest.commands import options
from plugfest.errors import UserError

DEFAULT = options.WEB
PORT = int(DEFAULT.rpartition(":")[2])
COOKIE = "plugfest-token"


@dataclass(frozen=True)
class Address:
    """Where to listen.

    Attributes:
        host: an IP address or ``localhost``. port: 0 picks a free one.
        token: needed for every request; "" on the loopback interface.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    token: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Address:
        """``ADDRESS:PORT``, ``ADDRESS`` or ``:PORT``, IPv6 addresses in brackets; "" is the default.

        Raises:
            UserError: it is none of these.
        """
        host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
        if not colon:
            host, port = (text, "") if not text.isdigit() else ("", text)
        host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
        number = int(port) if port.isascii() and port.isdigit() else PORT if not port else -1
        if (host != "localhost" and not _is_address(host)) or not 0 <= number <= 65535:
            raise UserError(f"--web {text}: give ADDRESS:PORT, such as {DEFAULT} or [::1]:{PORT}")
        return cls(host, number, "" if _is_loopback(host) else secrets.token_urlsafe(18))

    def refuses(self, headers: Mapping[str, str], query_token: str, *, changes: bool) -> str:
        """Why a request is refused; "" if it is accepted.

        Args:
            headers: by lower-case name. query_token: the token in its URL, if present.
            changes: whether it changes something (POST).
        """
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        name = name.removeprefix("[").removesuffix("]").lower()
        if not (name == "localhost" or _is_address(name) or name == socket.gethostname().lower()):
            return "the request is for another host"
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return "the request comes from another page"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "the request comes from another page"
        if changes and "x-plugfest" not in headers:  # a form on another page cannot add it
            return "the request does not come from the panel"
        if self.token and not hmac.compare_digest(self.token.encode(), (query_token or _cookie(headers)).encode()):
            return "the token is missing; use the address that the program printed"
        return ""


def _cookie(headers: Mapping[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host.partition("%")[0]).is_loopback
