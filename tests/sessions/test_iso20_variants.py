"""Each bad certificate of ``pki variants`` in place of contract, provisioning certificate and provisioning service.

The two places of TLS are in tests/v2g/test_tls_variants20.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from pnc import NOW, _files
from pnc20 import DAY, PncBench20, store

from pki import variants
from pki.profiles import Role
from v2g import tls
from v2g.credentials import Credential
from v2g.memory_link import memory_pair
from v2g.messages.iso20 import common

BROKEN = "WARNING_CertificateValidationError"
EXPECTED = {
    "expired": ("WARNING_CertificateExpired", "{leaf}: expired on 2023-11-13"),
    "expired-sub-ca": ("WARNING_CertificateExpired", "Sub{ca}2: expired on 2023-11-13"),
    "not-yet-valid": ("WARNING_CertificateNotYetValid", "{leaf}: valid only from 2023-12-14"),
    "wrong-root": (BROKEN, "Sub{ca}1: its root"),
    "twin-root": (BROKEN, "Sub{ca}1: a trusted root is named"),
    "wrong-role": (BROKEN, ", not a"),
    "wrong-dc": ("OK", "domain component DC=V2G, expected DC=CPS"),
    "broken-signature": (BROKEN, "{leaf}: its signature was not made with the key of"),
    "missing-intermediate": (BROKEN, "is neither in the chain nor a trusted root: a sub-CA is missing"),
    "swapped": (BROKEN, "{leaf}: sent in the order"),
    "wrong-curve": (BROKEN, "{leaf}: key on P-256, expected"),
    "mixed-algorithms": (BROKEN, "Sub{ca}2: key on P-256, expected"),
    "over-long-path": (BROKEN, "allows 0 sub-CAs below it, but 1 follow"),
    "leaf-is-ca": (BROKEN, "{leaf}: a leaf, but its basicConstraints say CA=true"),
    "issued-by-leaf": (BROKEN, "issued a certificate, but its basicConstraints say CA=false"),
    "no-key-usage": (BROKEN, "{leaf}: no keyUsage"),
    "wrong-key-usage": (BROKEN, "{leaf}: keyUsage lacks digitalSignature"),
    "wrong-purpose": ("OK", ""),
    "too-big": (BROKEN, "octets in DER, at most 1600"),
    "revoked": ("WARNING_CertificateRevoked", "{leaf}: revoked on 2023-11-13"),
    "revoked-sub-ca": ("WARNING_CertificateRevoked", "Sub{ca}2: revoked on 2023-11-13"),
}
"""Variant -> the charger's ResponseCode, and the sentence.

A domain component matters to the service alone, a purpose to TLS alone.
"""

LEAVES = {Role.CONTRACT: "DEPLFC00000001H", Role.OEM_PROVISIONING: "PLF00000000000001W", Role.CPS: "CPS Leaf"}


async def _ends() -> tuple[Any, Any]:
    """TLS of ISO 15118-2: cheap, and enough for contracts."""
    chain, key = _files("tests")
    return await memory_pair(server=tls.server(chain, key), client=tls.client(None))


def short(suite: str, twin: variants.Twin) -> PncBench20:
    """A bench whose vehicle insists on its contract, so that a refusal ends the session; sizes are not looked at."""
    bench = PncBench20(suite=suite, duration=0.5)
    bench.ev.any_transport = bench.se.any_transport = True
    bench.ends = _ends  # type: ignore[method-assign]  # the test stands in for it
    bench.ev.payment = "contract"
    bench.contracts.revoked = twin.revocations
    for side in (bench.ev, bench.se):
        for kind in (common.AuthorizationReq, common.CertificateInstallationReq, common.CertificateInstallationRes):
            side.rewrite[kind] = lambda message: message
    return bench


def sentence(name: str, role: Role) -> str:
    return EXPECTED[name][1].format(leaf=LEAVES[role], ca="CA")


@pytest.mark.parametrize("name", variants.KINDS)
@pytest.mark.parametrize("role", [Role.CONTRACT, Role.OEM_PROVISIONING])
@pytest.mark.parametrize("suite", ["iso20", "iso20-ed448"])
async def test_the_charger_names_what_is_wrong_with_a_vehicles_chain(suite: str, role: Role, name: str) -> None:
    twin = variants.make(store(suite), name, role, NOW)
    bench = short(suite, twin)
    if role is Role.CONTRACT:
        bench.wallet.contracts = [Credential(twin.chain_der, twin.leaf.key)]
        bench.wallet.provisioning = None
        bench.ev.now = lambda: (NOW - 5 * DAY).timestamp()  # else it would not offer what has expired
    else:
        bench.installs("DEPLFC00000001")
        bench.wallet.provisioning = Credential(twin.chain_der, twin.leaf.key)
    await bench.run()
    code = EXPECTED[name][0]
    assert bench.codes("AuthorizationRes" if role is Role.CONTRACT else "CertificateInstallationRes") == [code]
    if code != "OK":
        (note,) = [e.note for e in bench.events["se"] if e.name in ("authorization", "installation") and code in e.note]
        assert note.startswith(f"{code}: ")
        assert sentence(name, role) in note
    assert bool(bench.contracts.receipts) is False
    assert bench.safe


@pytest.mark.parametrize("name", variants.KINDS)
@pytest.mark.parametrize("suite", ["iso20", "iso20-ed448"])
async def test_the_vehicle_names_what_is_wrong_with_the_service(suite: str, name: str) -> None:
    """It keeps nothing; what is revoked it can only know from a list."""
    twin = variants.make(store(suite), name, Role.CPS, NOW)
    bench = short(suite, twin)
    bench.wallet.revoked = twin.revocations
    bench.installs("DEPLFC00000001").provider = Credential(twin.chain_der, twin.leaf.key)
    vehicle, _ = await bench.run()
    failed = [
        note for note in vehicle.notes if note.startswith("certificate installation failed: provisioning service: ")
    ]
    if not variants.codes(twin.kind, Role.CPS, store(suite).suite):
        assert (failed, len(bench.wallet.contracts)) == ([], 1)
        return
    assert bench.wallet.contracts == []
    assert len(failed) == 1
    assert sentence(name, Role.CPS) in failed[0]
