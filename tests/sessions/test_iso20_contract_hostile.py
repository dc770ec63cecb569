"""Contract messages of ISO 15118-20 with spoiled bytes: one side ends the session, or goes on; neither breaks."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from pnc import _files
from pnc20 import PncBench20, second

from secc.plan import Plan
from v2g import signature, tls
from v2g.memory_link import memory_pair
from v2g.messages.iso20 import common
from v2g.outcome import Cause
from v2g.prices import flat

MESSAGES = [
    (common.AuthorizationReq, "ev"),
    (common.CertificateInstallationReq, "ev"),
    (common.MeteringConfirmationReq, "ev"),
    (common.AuthorizationSetupRes, "se"),
    (common.CertificateInstallationRes, "se"),
    (common.ScheduleExchangeRes, "se"),
]


async def _ends() -> tuple[Any, Any]:
    chain, key = _files("tests")
    return await memory_pair(server=tls.server(chain, key), client=tls.client(None))


def bench_of(suite: str = "iso20") -> PncBench20:
    bench = PncBench20(suite=suite, duration=1.5)
    bench.ev.any_transport = bench.se.any_transport = True
    bench.ends = _ends  # type: ignore[method-assign]  # the test stands in for it
    bench.installs("DEPLFC00000001")
    bench.contracts.receipt_every = 0.5
    bench.evse.plans = [Plan(tariff=flat(0.4))]
    return bench


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("kind", "side"), MESSAGES, ids=lambda value: getattr(value, "__name__", value))
async def test_spoiled_bytes_break_nothing(kind: type[Any], side: str, seed: int) -> None:
    """Whatever comes of it, nobody fails in a way that nobody thought of, and nothing stays live."""
    rng = random.Random(f"{kind.__name__} {seed}")

    def spoil(data: bytes) -> bytes:
        octets = bytearray(data)
        for _ in range(rng.choice((1, 1, 3, 10))):
            place = rng.randrange(len(octets))
            if rng.random() < 0.2:
                del octets[place:]
                octets.append(0)
            else:
                octets[place] ^= 1 << rng.randrange(8)
        return bytes(octets)

    bench = bench_of()
    getattr(bench, side).rewrite_exi[kind] = spoil
    vehicle, charger = await bench.run()
    assert Cause.ERROR not in (vehicle.cause, charger.cause), (vehicle, charger)
    assert bench.safe


def _chain(*certificates: bytes) -> Any:
    return common.ContractCertificateChainType(
        Certificate=certificates[0], SubCertificates=common.SubCertificatesType(Certificate=list(certificates[1:]))
    )


@pytest.mark.parametrize(
    "certificates",
    [
        (b"", b""),
        (b"\x30", b"\x30\x80"),
        (bytes(1600), bytes(1600)),
        (second().leaf, b"nothing"),
        (b"x", second().leaf),
    ],
)
async def test_invalid_certificates_have_a_code(certificates: tuple[bytes, bytes]) -> None:
    bench = PncBench20(duration=0.5)
    bench.ev.any_transport = bench.se.any_transport = True
    bench.ends = _ends  # type: ignore[method-assign]  # the test stands in for it
    bench.ev.payment = "contract"

    def change(request: common.AuthorizationReq) -> common.AuthorizationReq:
        mode = msgspec.structs.replace(
            request.PnC_AReqAuthorizationMode, ContractCertificateChain=_chain(*certificates)
        )  # type: ignore[type-var]  # every message is a dataclass
        made.append(msgspec.structs.replace(request, PnC_AReqAuthorizationMode=mode))
        return made[-1]

    made: list[common.AuthorizationReq] = []
    bench.ev.rewrite[common.AuthorizationReq] = change
    key = bench.wallet.contracts[0].key
    bench.ev.rewrite_signature[common.AuthorizationReq] = lambda _: signature.sign_message(
        made[-1], key, "iso20-common"
    )
    _, charger = await bench.run()
    assert bench.codes("AuthorizationRes") == ["WARNING_CertificateValidationError"]
    assert charger.cause is not Cause.ERROR
