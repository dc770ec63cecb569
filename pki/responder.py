"""The HTTP server for OCSP and CRLs that a PKI's certificates name: for the bench, on loopback.

``POST /ocsp`` and ``GET /ocsp/<base64>`` answer as in RFC 6960 annex A; ``GET /crl/<suite>/<authority>.crl`` gives the
authority's list in DER. The PKI is read again for each request, so newly issued or revoked certificates count at once.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from boundary import http
from pki import ocsp
from pki.errors import PkiError
from pki.profiles import SUITES
from pki.revocation import Revocations, crl
from pki.store import INDEX, Store

_LARGEST = 16384
"""Octets of a request; real ones have about 100."""


def stores(directory: Path) -> dict[str, Store]:
    """Every suite in a PKI directory, by name.

    Raises:
        PkiError: there is none, or one is damaged.
    """
    if (directory / INDEX).is_file():
        one = Store(directory)
        return {one.suite.name: one}
    found = {name: Store(directory, name) for name in SUITES if (directory / name / INDEX).is_file()}
    if found:
        return found
    one = Store(directory)
    return {one.suite.name: one}


class Responder(http.Server):
    """Serves a PKI until it is shut down.

    Args:
        directory: directory of the PKI.
        address: (host, port) to listen on; port 0 picks a free one.
        now: wall clock.
        observe: called with one line for each request and its answer.

    Raises:
        OSError: the address cannot be used.
    """

    def __init__(
        self,
        directory: Path,
        address: tuple[str, int],
        now: Callable[[], datetime.datetime],
        observe: Callable[[str], None],
    ) -> None:
        self.directory, self.now, self.observe = directory, now, observe
        super().__init__(address, _Handler)


class _Handler(http.Handler):
    server: Responder
    largest = _LARGEST

    def do_POST(self) -> None:  # noqa: N802 - the base class calls it so
        data = self.body()
        if data is not None:
            self._ocsp(data)

    def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).strip("/")
        first, _, rest = path.partition("/")
        if first == "crl":
            self._crl(rest)
        elif first == "ocsp" and len(rest) <= _LARGEST:
            try:
                self._ocsp(base64.b64decode(rest, validate=True))
            except binascii.Error:
                self.send_error(400, "no base64")
        else:
            self.send_error(404)

    def _ocsp(self, request: bytes) -> None:
        try:
            response = ocsp.respond(stores(self.server.directory), request, self.server.now())
        except PkiError as why:
            self._failed(why)
            return
        self.reply("application/ocsp-response", response)
        self.server.observe(f"OCSP {ocsp.describe(response)}")

    def _crl(self, path: str) -> None:
        suite, _, file = path.partition("/")
        try:
            store = stores(self.server.directory).get(suite)
            name = file.removesuffix(".crl")
            if store is None or name not in store or store[name] not in store.authorities:
                self.send_error(404)
                return
            found = crl(store[name], Revocations.of(store), self.server.now())
        except PkiError as why:
            self._failed(why)
            return
        self.reply("application/pkix-crl", found.public_bytes(Encoding.DER))
        self.server.observe(f"CRL of {name}: {len(found)} revoked")

    def _failed(self, why: PkiError) -> None:
        self.server.observe(f"cannot answer: {why}")
        self.send_error(500)
