"""Each bad certificate of ``pki variants`` at the two places of TLS 1.3 in ISO 15118-20: refused, with its reason."""

from __future__ import annotations

import pytest
from tls_world import NOW, charger, meet, store, vehicle

from pki import variants
from pki.profiles import Role
from v2g import tls

ROOTS = {Role.VEHICLE: "oem-root", Role.SECC: "v2g-root"}
PASS = {Role.VEHICLE: {"wrong-dc"}, Role.SECC: set[str]()}
"""A vehicle's certificate has no domain component that counts [V2G20-2598]."""
NOT_SHOWN = {Role.VEHICLE: "no-client-certificate", Role.SECC: "handshake_failure"}
"""A leaf on P-256 does not even get that far: no signature scheme on offer fits its key."""


@pytest.mark.parametrize("name", variants.KINDS)
@pytest.mark.parametrize("role", [Role.VEHICLE, Role.SECC])
@pytest.mark.parametrize("suite", ["iso20", "iso20-ed448"])
async def test_each_invalid_copy_is_refused_where_it_is_presented(suite: str, role: Role, name: str) -> None:
    own = store(suite)
    twin = variants.make(own, name, role, NOW)
    credential = tls.Credential(list(twin.chain), twin.leaf.key, own[ROOTS[role]].certificate, f"{name}.pem")
    options = tls.ISO20.change(staple="ignore")  # revocation is what is known here, not what is stapled
    server, client = charger(options, own), vehicle(options, own)
    presents, checks = (client, server) if role is Role.VEHICLE else (server, client)
    presents.credentials = [credential]
    assert checks.trust is not None
    checks.trust = tls.Trust(checks.trust.roots, checks.trust.file, twin.revocations)
    met = await meet(server, client)
    failure = met.charger_error if role is Role.VEHICLE else met.vehicle_error
    if name in PASS[role]:
        assert failure is None
        return
    assert isinstance(failure, tls.TlsFailure), failure
    if name == "wrong-curve":
        assert failure.check == NOT_SHOWN[role]
        return
    assert failure.check in {str(code) for code in variants.codes(twin.kind, role, own.suite)}
    assert failure.certificate in str(failure)
    if "revoked" in name:
        assert failure.sent == "certificate_revoked"
