"""The server of the panel, in its own thread: nothing that a browser does or fails to do delays a session."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from plugfest.errors import UserError
from plugfest.web.address import Address
from plugfest.web.hub import Hub

MISSING = "--web needs starlette and uvicorn: pip install 'plugfest[web]'"
COMES_BACK = 3.0
"""s within which a reloaded page is back."""
ENDS_WITHIN = 5.0


def from_elsewhere(host: str) -> str:
    """The host for a browser to name; for all addresses of this host, the one that others are likely to reach."""
    probe = {"0.0.0.0": (socket.AF_INET, "192.0.2.1"), "::": (socket.AF_INET6, "2001:db8::1")}.get(host)
    if probe is None:
        return host
    family, target = probe  # an address for documentation; nothing is sent
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((target, 9))
            return str(asked.getsockname()[0])
    except OSError:  # no route there
        return socket.gethostname()


class Server:
    """Serves a hub.

    Args:
        address: where to listen. hub: what there is to see. evidence: folder of a campaign.

    Raises:
        UserError: the extra is not installed.
    """

    def __init__(self, address: Address, hub: Hub, evidence: Path | None = None) -> None:
        try:
            import uvicorn  # an extra

            from plugfest.web.app import App
        except ModuleNotFoundError as why:
            raise UserError(MISSING) from why
        self._address = address
        self._app = App(address, hub, evidence)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)  # from browsers that come and go
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app.asgi(), log_config=None, access_log=False, lifespan="off", loop="asyncio", http="h11",
                ws="none", limit_concurrency=100, timeout_keep_alive=5, server_header=False,
                timeout_graceful_shutdown=1,
            )
        )  # fmt: skip
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where a browser finds it, with the token."""
        assert self._socket is not None
        host = from_elsewhere(self._address.host)
        place = f"[{host}]" if ":" in host else host
        token = f"?token={self._address.token}" if self._address.token else ""
        return f"http://{place}:{self._socket.getsockname()[1]}/{token}"

    def start(self) -> None:
        """Raises UserError: the address cannot be used."""
        host, port = self._address.host, self._address.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((host, port))
            made.listen(100)  # connections before the thread has started wait
        except OSError as why:
            made.close()
            raise UserError(f"--web: cannot listen on {host} port {port}: {why.strerror}; choose another one") from None
        self._socket = made
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [made]}, name="plugfest panel", daemon=True
        )
        self._thread.start()

    @property
    def looked_at(self) -> bool:
        """Whether a page is open, is being loaded, or was open a moment ago and may come back; never after `stop`."""
        app = self._app
        return not app.stopping and (
            app.viewers > 0 or (app.left is not None and time.monotonic() - app.left < COMES_BACK)
        )

    def tell_of_lingering(self, say: Callable[[str], None]) -> None:
        """Says that the page stays, if one is open."""
        if self._app.viewers and not self._app.stopping:
            say(f"the panel stays open at {self.url} until its last page is closed; Ctrl-C ends it at once")

    @property
    def viewers(self) -> int:
        """Number of open pages."""
        return self._app.viewers

    def stop(self) -> None:
        """Ends the server and notifies the pages."""
        self._app.stopping = True
        self.abandon()

    def abandon(self) -> None:
        """Ends the server without notice, as a crash does."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(ENDS_WITHIN)
        if self._socket is not None:
            self._socket.close()
