"""What our roles answer to deliberately invalid certificates. docs/pki.md has the table, and is held to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tls_world
from msgspec.structs import replace
from pnc import NOW, START, PncBench, store

from pki import variants
from pki.profiles import Role
from v2g import tls
from v2g.credentials import Credential
from v2g.messages import iso2

SEED = b"twins"


def twin(name: str, role: Role) -> variants.Twin:
    return variants.make(store(), name, role, NOW, seed=SEED)


def credential(made: variants.Twin) -> Credential:
    return Credential(made.chain_der, made.leaf.key)


async def handshake(name: str) -> str:
    """The vehicle's alert for a charger's certificate; a revoked leaf shows by its OCSP response."""
    server, revocations = tls_world.charger(tls.LAB), None
    if name == "revoked":
        server = tls_world.charger(tls.LAB.change(deviate=tls.Deviations(staple="revoked")))
    else:
        made = variants.make(tls_world.store(), name, Role.SECC, tls_world.NOW, seed=SEED)
        root = tls_world.store()[Role.V2G_ROOT].certificate
        server.credentials = [tls.Credential(list(made.chain), made.leaf.key, root, f"{name}.pem")]
        revocations = made.revocations
    options = tls.ISO2 if name == "revoked" else tls.LAB.change(versions=("1.2",), tolerate=())
    client = tls_world.vehicle(options)
    assert client.trust is not None
    client.trust = tls.Trust(client.trust.roots, client.trust.file, revocations)
    met = await tls_world.meet(server, client)
    assert isinstance(met.vehicle_error, tls.TlsFailure)
    return met.vehicle_error.sent


async def payment(name: str) -> str:
    """ResponseCode of PaymentDetailsRes for a contract."""
    made = twin(name, Role.CONTRACT)
    bench = PncBench()
    # An expired contract is to be updated first, which fails here too.
    bench.ev.goes_on_after_failed_certificate = bench.se.goes_on_after_failed_certificate = True
    bench.wallet.provisioning = None
    bench.wallet.contract = credential(made)
    bench.contracts.revoked = made.revocations
    bench.ev.now = lambda: START.timestamp()  # to the vehicle everything is still in order
    emaid = store()[Role.CONTRACT].common_name
    bench.ev.rewrite[iso2.PaymentDetailsReq] = lambda request: replace(request, eMAID=emaid)
    await bench.run()
    if not bench.messages("PaymentDetailsRes"):
        return "cannot be sent"
    return bench.code("PaymentDetailsRes")


async def installation(name: str) -> str:
    """ResponseCode of CertificateInstallationRes for a provisioning certificate: only the leaf is sent."""
    bench = PncBench()
    bench.wallet.contract = None
    made = twin(name, Role.OEM_PROVISIONING)
    bench.wallet.provisioning = credential(made)
    bench.contracts.revoked = made.revocations
    await bench.run()
    if not bench.messages("CertificateInstallationRes"):
        return "cannot be sent"
    return bench.code("CertificateInstallationRes")


async def delivery(name: str) -> str:
    """What the vehicle does with a contract signed by a provisioning service."""
    bench = PncBench()
    bench.wallet.contract = None
    assert bench.contracts.backend is not None
    made = twin(name, Role.CPS)
    bench.contracts.backend.provider, bench.wallet.revoked = credential(made), made.revocations
    vehicle, _ = await bench.run()
    if not bench.messages("CertificateInstallationRes") or bench.code("CertificateInstallationRes") != "OK":
        return "cannot be sent"
    if bench.wallet.contract is not None:
        return "taken"
    assert any("certificate installation failed" in note for note in vehicle.notes)
    return "discarded"


def table() -> list[tuple[str, ...]]:
    """The rows of docs/pki.md: twin, and what becomes of each role's."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "pki.md").read_text()
    cells = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return [(row[0], *row[1:]) for row in cells if len(row) == 6 and row[0] in variants.KINDS]


ROWS = table()


def test_the_table_has_every_twin() -> None:
    assert [row[:2] for row in ROWS] == [(k.name, "rejects" if k.openssl else "") for k in variants.KINDS.values()]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
async def test_our_roles_answer_as_the_table_says(row: tuple[str, ...]) -> None:
    name = row[0]
    seen = await handshake(name), await payment(name), await installation(name), await delivery(name)
    assert seen == row[2:]
