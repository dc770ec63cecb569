"""HTTP requests from anybody: what a server of ours reads of one is bounded in size and time.

A peer that breaks the form gets an HTTP status, one that goes away gets nothing, and neither leaves a traceback.
"""

from __future__ import annotations

import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LONGEST = 10.0
"""s: for the headers, for the body, and for each silence in between."""

_LENGTH = re.compile(r"[0-9]{1,9}")


class Server(ThreadingHTTPServer):
    """One thread for each connection; none of them delays Ctrl-C."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that goes away is nothing to report."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """A handler that prints nothing by itself.

    Attributes:
        largest: most bytes of a body.
    """

    largest = 0
    timeout = LONGEST

    def body(self) -> bytes | None:
        """The body of the request; None if the peer has had its answer, or is gone."""
        length = str(self.headers.get("Content-Length", ""))
        if not length.isascii() or not length.isdigit():
            self.send_error(411)
            return None
        if not _LENGTH.fullmatch(length) or int(length) > self.largest:
            self.send_error(413)
            return None
        data, until = bytearray(), time.monotonic() + LONGEST
        while len(data) < int(length):
            part = self.rfile.read1(int(length) - len(data))
            if not part or time.monotonic() > until:
                self.close_connection = True
                return None
            data += part
        return bytes(data)

    def reply(self, kind: str, data: bytes) -> None:
        """Sends 200 with a body."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Prints nothing: whoever answers says what was answered."""
