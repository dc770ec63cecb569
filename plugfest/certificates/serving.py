"""Serves until Ctrl-C, for the commands that answer other people's chargers and vehicles over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from http.server import HTTPServer

from boundary.console import say
from plugfest.errors import UserError


def listen(make: Callable[[], HTTPServer], bind: str, port: int) -> HTTPServer:
    """A server that listens.

    Raises:
        UserError: the address cannot be used; names the option that helps.
    """
    try:
        return make()
    except OSError as why:
        raise UserError(f"cannot listen on {bind} port {port}: {why.strerror or why}; try --port") from why


def until_stopped(server: HTTPServer) -> None:
    """Serves until Ctrl-C, and closes."""
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("stopped")
    finally:
        server.server_close()
