"""``plugfest pki serve``: a provisioning service for other people's chargers and back ends, over HTTP.

It answers the requests of :mod:`secc.remote`: a vehicle's certificate request of ISO 15118-2 or -20, unchanged, in the
JSON form of OCPP 2.0.1 and 2.1. A vehicle that asks again in the same session gets the next contract. The PKI is read
once at the start; later revocations take effect after a restart.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import contextlib
import datetime
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import exi
from boundary import http
from boundary.console import say
from boundary.errors import InputError
from boundary.read import parse_json
from boundary.text import visible
from pki import sealing
from pki.errors import PkiError
from pki.revocation import Revocations
from pki.store import Store
from plugfest import pnc, pnc20
from plugfest.certificates import arguments, outcomes
from plugfest.certificates.outcomes import CODES, Outcome, Plan
from plugfest.certificates.serving import listen, until_stopped
from plugfest.errors import UserError
from secc.contracts import Backend20, Contracts
from secc.iso20_provisioning import LocalBackend as LocalBackend20
from secc.provisioning import LocalBackend
from secc.remote import SCHEMAS
from v2g import reading
from v2g.credentials import chain_of, sub_certificates
from v2g.errors import RemoteError
from v2g.messages import iso2, schema
from v2g.messages.iso20 import common
from v2g.protocols import ISO2, ISO20
from v2g.reading import SessionMessage, change_signature

LARGEST = 65536
"""Most bytes of a request; OCPP requests have 11000."""
SESSIONS = 100
"""The latest sessions for which we remember what their vehicles got."""


SILENT = 600.0
"""s for which a request deliberately gets no answer."""
_WITHOUT_ANSWER = (Outcome.SILENCE, Outcome.HTTP_ERROR, Outcome.NOT_JSON)


class Refused(Exception):
    """The request is answered with Failed; says why."""


@dataclass
class Desk:
    """Answers requests for certificates.

    Attributes:
        backend, backend20: for ISO 15118-2 and -20; None if this PKI has none.
        revoked: revoked certificates.
        now: wall clock.
        plan: what to answer instead, for testing.
        done: eMAIDs that a session's vehicle got, by session id and provisioning certificate.
    """

    backend: LocalBackend | None
    backend20: Backend20 | None
    revoked: Revocations
    now: Callable[[], datetime.datetime]
    plan: Plan = field(default_factory=Plan)
    done: dict[tuple[bytes, bytes], list[str]] = field(default_factory=dict)

    def answer(self, question: Any, outcome: str | None = None) -> Mapping[str, Any]:
        """The answer to a JSON value, and a line for the user in ``note``.

        Args:
            outcome: for this request; by default the plan's next.
        """
        outcome = self.plan.next() if outcome is None else outcome
        try:
            return self._answer(question, outcome)
        except Refused as why:
            reason = str(why)
        except (RemoteError, PkiError, exi.EncodeError) as why:
            reason = f"{getattr(why, 'response_code', '')}: {why}".removeprefix(": ")
        return {"status": "Failed", "exiResponse": "", "statusInfo": {"reasonCode": reason[:20]}, "note": reason}

    def _answer(self, question: Any, outcome: str) -> Mapping[str, Any]:
        if outcome == Outcome.FAILED:
            raise Refused("failed on purpose")
        if not isinstance(question, Mapping):
            raise Refused("not a JSON object")
        name = next((one for one, uri in SCHEMAS.items() if uri == question.get("iso15118SchemaVersion")), None)
        if name is None:
            raise Refused(f"iso15118SchemaVersion {visible(str(question.get('iso15118SchemaVersion')))} is unknown")
        text = question.get("exiRequest")
        try:
            data = base64.b64decode(text if isinstance(text, str) else "?", validate=True)
        except (binascii.Error, ValueError) as why:
            raise Refused("exiRequest is not base64") from why
        found = reading.read(name, data)
        body = found.body
        new = isinstance(body, common.CertificateInstallationReq) and self.backend20 is not None
        old = isinstance(body, iso2.CertificateInstallationReq | iso2.CertificateUpdateReq) and self.backend is not None
        if not new and not old:
            raise Refused(found.problem or f"no answer to {found.name}")
        document, remaining, note = self._document(found, outcome)
        octets = bytes(8)
        if outcome != Outcome.NOT_EXI:
            problems = exi.validate(schema(name), document)  # with some profiles of key transport
            octets = exi.encode(schema(name), document, strict=False)
            note += "".join(f"; it breaks the schema: {why}" for why in problems)
        return {
            "status": "Accepted",
            "exiResponse": base64.b64encode(octets).decode(),
            "remainingContracts": remaining,
            "note": f"{found.name}, {outcome} on purpose" if outcome != Outcome.NORMAL else note,
        }

    def _document(self, found: SessionMessage, outcome: str) -> tuple[Any, int, str]:
        """The response, how many contracts remain, and the note."""
        stamp = int(self.now().timestamp())
        if outcome in CODES:
            return outcomes.refusal(found, outcome, stamp), 0, ""
        if outcome == Outcome.OTHER_MESSAGE:
            return outcomes.other(found, stamp), 0, ""
        if outcome == Outcome.ONGOING:
            if not isinstance(found.body, common.CertificateInstallationReq):
                raise Refused("ISO 15118-2 has no Ongoing here")
            return outcomes.refusal(found, "OK", stamp, EVSEProcessing="Ongoing"), 0, ""
        try:
            document, remaining = self._contract(found)
        except RemoteError as why:
            if not self.plan.codes or why.response_code not in CODES:
                raise
            note = f"{found.name}, {why.response_code}: {why}"
            return outcomes.refusal(found, why.response_code, stamp), 0, note
        if outcome == Outcome.UNSIGNED:
            change_signature(document, lambda signature: None)
        elif outcome == Outcome.BAD_SIGNATURE:
            change_signature(document, outcomes.altered)
        return document, remaining, found.name

    def _contract(self, found: SessionMessage) -> tuple[Any, int]:
        """The response with a contract, and how many remain.

        Raises:
            RemoteError: there is none for this vehicle.
        """
        if isinstance(found.body, common.CertificateInstallationReq):
            assert self.backend20 is not None
            return self._install20(found, found.body, self.backend20)
        assert self.backend is not None
        return self._install(found, found.body, self.backend), 0

    def _visit(self, found: SessionMessage) -> Any:
        """What a back end looks at of a visit; there is no vehicle here."""
        session = SimpleNamespace(tolerant=True, tolerate=_nothing, tell=_nothing)
        at = self.now().timestamp()
        return SimpleNamespace(
            session=session, now=lambda: at, contracts=Contracts((), revoked=self.revoked),
            asked_signature=found.signature,
        )  # fmt: skip

    def _install(self, found: SessionMessage, body: Any, backend: LocalBackend) -> Any:
        update = isinstance(body, iso2.CertificateUpdateReq)
        work = backend.update if update else backend.install
        signed = asyncio.run(work(self._visit(found), body))
        return ISO2.wrap(signed.response, found.session_id or bytes(8), signed.signature)

    def _install20(
        self, found: SessionMessage, body: common.CertificateInstallationReq, backend: Backend20
    ) -> tuple[Any, int]:
        key = found.session_id or b"", chain_of(body.OEMProvisioningCertificateChain)[0]
        had = self.done.setdefault(key, [])
        made = asyncio.run(backend.install(self._visit(found), body, tuple(had)))
        had.append(made.emaid)
        if not made.remaining:
            had.clear()
        while len(self.done) > SESSIONS:
            del self.done[next(iter(self.done))]
        response = common.CertificateInstallationRes(
            ResponseCode="OK",
            EVSEProcessing="Finished",
            CPSCertificateChain=common.CertificateChainType(
                Certificate=made.provider[0], SubCertificates=sub_certificates(made.provider)
            ),
            SignedInstallationData=made.data,
            RemainingContractCertificateChains=min(made.remaining, 255),
        )
        stamp = int(self.now().timestamp())
        return ISO20.wrap(response, found.session_id or bytes(8), made.signature, stamp), made.remaining


def _nothing(*_: Any) -> None:
    """Ignores everything."""


def desk(
    directory: Path, now: Callable[[], datetime.datetime], emaids: Sequence[str], *, scheme: str, grammar: Any
) -> Desk:
    """A desk for the suites of a PKI directory.

    Raises:
        PkiError, UserError: the PKI cannot be used.
    """
    found = Desk(None, None, Revocations(), now)
    if (directory / "iso2").is_dir():
        store = pnc.open_store(directory)
        found.backend = pnc.backend(store, now(), emaid=emaids[0] if emaids else "")
        found.revoked.entries.update(Revocations.of(store).entries)
    made: dict[str, LocalBackend20] = {}
    for suite in pnc20.SUITES[:2]:
        if (directory / suite).is_dir():
            newest = Store(directory, suite)
            made[suite] = one = pnc20.backend(newest, now(), emaids=emaids)
            one.scheme, one.grammar = sealing.scheme(scheme), grammar
            found.revoked.entries.update(Revocations.of(newest).entries)
    if made:
        found.backend20 = pnc20.of_suites(made)
    if found.backend is None and found.backend20 is None:
        raise UserError(f"no PKI in {directory}; `plugfest pki init {directory}` makes one")
    return found


class _Handler(http.Handler):
    desk: Desk
    lock: threading.Lock
    largest = LARGEST

    def do_POST(self) -> None:  # noqa: N802 - the base class calls it so
        data = self.body()
        if data is None:
            return
        try:
            question = parse_json(data, "the request")
        except InputError:
            self.send_error(400, "not JSON")
            return
        with self.lock:
            outcome = self.desk.plan.next()
            if outcome in _WITHOUT_ANSWER:
                say(f"{outcome} on purpose", flush=True)
            else:
                answer = dict(self.desk.answer(question, outcome))
                say(f"{answer['status']}: {answer.pop('note')}", flush=True)
        if outcome == Outcome.SILENCE:
            self._be_silent()
            return
        if outcome == Outcome.HTTP_ERROR:
            self.send_error(500)
            return
        self.reply("application/json", b"<html>" if outcome == Outcome.NOT_JSON else json.dumps(answer).encode())

    def _be_silent(self) -> None:
        """Waits until the other side gives up."""
        self.connection.settimeout(SILENT)
        with contextlib.suppress(OSError):
            self.connection.recv(1)
        self.close_connection = True


def server_of(made: Desk, bind: str, port: int) -> http.Server:
    """The service over HTTP, one request at a time at the desk; it listens.

    Raises:
        OSError: the address cannot be used.
    """
    handler = type("Handler", (_Handler,), {"desk": made, "lock": threading.Lock()})
    return http.Server((bind, port), handler)


def serve(args: argparse.Namespace) -> int:
    """The service, until Ctrl-C."""
    made = desk(args.directory, arguments.now, args.emaid or (), scheme=args.key_transport, grammar=args.signed_info)
    if args.answer not in {*Outcome, *CODES}:
        raise UserError(f"--answer {args.answer}: choose from {', '.join(Outcome)}, or a ResponseCode that is not OK")
    made.plan = Plan(args.answer, args.times, args.refusals == "response")
    server = listen(lambda: server_of(made, args.bind, args.port), args.bind, args.port)
    host, port = str(server.server_address[0]), server.server_address[1]
    url = f"http://{host}:{port}/"
    say(f"certificates at {url}")
    say(f"next: set charger.provisioning-url: {url} in the charger's bench file; Ctrl-C stops this service", flush=True)
    until_stopped(server)
    return 0
