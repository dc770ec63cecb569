"""TLS: handshakes with one thing offered at a time."""

from __future__ import annotations

from conformance.catalogue import Run
from conformance.durations import CLOSE, DELAY
from conformance.secc.scripts.steps import entry
from conformance.secc.scripts.table import SCRIPTS, SETUP
from conformance.secc.tester import TesterEv
from conformance.verdict import Failed, Result
from conformance.wire import Wire
from v2g.errors import V2GError
from v2g.messages import appproto
from v2g.protocols import ISO2

OLD_SUITES = (0xC009, 0xC004, 0x002F)
"""Suites that a charger with TLS 1.1 would choose from: ECDHE_ECDSA, ECDH_ECDSA, RSA with AES_128_CBC_SHA."""


@SCRIPTS.on("PF_SECC_ISO2_TLS_Params")
async def tls_parameters(tester: TesterEv, run: Run, result: Result) -> None:
    """Handshakes with one thing offered at a time; and no handshake where one is due."""
    from dataclasses import replace

    from v2g.tls import TlsFailure

    number = int(run.id.partition("#")[2])
    await tester.until("SDP")
    assert tester.endpoint is not None
    assert tester.tls is not None
    place = (tester.endpoint.address, tester.endpoint.port)
    if number in (7, 8):
        wire = Wire(await tester.system.connect(*place, None), tester.observe)
        if number == 8:
            await wire.send_payload(wire.document(appproto.supportedAppProtocolReq(AppProtocol=[entry(ISO2, 1, 1)])))
        within = SETUP + 2.0 if number == 7 else CLOSE
        closed = await wire.until_closed(within + DELAY)
        result.saw(f"closed within {within:g} s", "closed" if closed else "open")
        await wire.close(reset=True)
        if not closed or wire.unread:
            raise Failed("the TLS port took what is no TLS", expected="closed", observed="open")
        return
    plain = tester.tls.options
    offer = {
        1: plain.change(suites=plain.suites[:1]),
        2: plain.change(suites=plain.suites[1:]),
        3: plain.change(suites=(0x003C, 0x002F)),  # TLS_RSA_WITH_AES_128_CBC_...
        4: plain.change(versions=("0x0302",), suites=(*plain.suites, *OLD_SUITES)),
        5: plain.change(trusted_ca_keys="cert_sha1_hash"),
        6: plain.change(staple="require") if tester.pics.pnc else plain,
    }[number]
    context = replace(tester.tls, options=offer)
    seen, why = "accepted", ""
    try:
        channel = await tester.system.connect(*place, context)
    except V2GError as error:
        seen, why = "refused", str(error)
        # This tester knows no TLS 1.1. Where the charger goes on with it, it is the tester who breaks off.
        if number == 4 and isinstance(error, TlsFailure) and error.sent:
            seen = "not refused"
    else:
        channel.abort()
    wanted = "refused" if number in (3, 4) else "accepted"
    result.saw(f"handshake {wanted}", f"{seen} {why}".strip())
    if seen != wanted:
        raise Failed(f"the handshake was {seen} {why}".strip(), expected=wanted, observed=seen)
