"""Every deviation takes effect, and every failure says which check, certificate, file and alert: by table."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import pytest
from tls_world import NOW, charger, meet, store, talk, vehicle

from pki import variants
from pki.profiles import Role
from v2g import tls
from v2g.errors import ConnectionLost, SetupError
from v2g.memory_link import memory_pair
from v2g.tls import extensions as ext

# deviation of the charger -> what the vehicle makes of it: check, alert sent, words of the reason; None: it goes on
CHARGER_DEVIATES: list[tuple[dict[str, Any], tuple[str, str, str] | None]] = [
    ({"chain": "reversed"}, ("order", "bad_certificate", "sent in the order DEPLFE00001, CPOSubCA1, CPOSubCA2")),
    ({"chain": "leaf-last"}, ("*", "*", "")),
    ({"chain": "leaf-only"}, ("missing-intermediate", "unknown_ca", "DEPLFE00001: its issuer")),
    ({"chain": "with-root"}, None),
    ({"chain": "duplicate"}, ("order", "bad_certificate", "does not belong to the chain")),
    ({"chain": "empty"}, ("no-certificate", "decode_error", "sent no certificate")),
    ({"staple": "missing"}, ("ocsp-missing", "bad_certificate_status_response", "no OCSP response for DEPLFE00001")),
    ({"staple": "leaf-only"}, None),
    ({"staple": "stale"}, ("ocsp-stale", "bad_certificate_status_response", "stale since 2026-05-09")),
    ({"staple": "wrong"}, ("ocsp-invalid", "bad_certificate_status_response", "about another certificate")),
    ({"staple": "revoked"}, ("revoked", "certificate_revoked", "DEPLFE00001: OCSP response: revoked on 2026-06-01")),
    ({"staple": "unknown"}, ("ocsp-invalid", "bad_certificate_status_response", "does not know the certificate")),
    ({"staple": "forged"}, ("ocsp-invalid", "bad_certificate_status_response", "signature")),
    ({"staple": "garbage"}, ("ocsp-invalid", "bad_certificate_status_response", "cannot be read")),
    ({"select_suite": "0xC02B"}, ("suite-not-offered", "illegal_parameter", "AES_128_GCM_SHA256 with TLS 1.2")),
    ({"select_group": "secp384r1"}, ("group-not-offered", "illegal_parameter", "chose secp384r1, but we offered")),
    ({"select_signature": "ecdsa_secp521r1_sha512"},
     ("signature-not-offered", "illegal_parameter", "signs with ecdsa_secp521r1_sha512")),
    ({"select_version": "1.3"}, ("*", "*", "")),
    ({"extensions": {"server_name": ""}}, ("unsupported_extension", "unsupported_extension", "server_name")),
    ({"extensions": {"status_request_v2": None}}, ("unexpected_message", "unexpected_message", "CertificateStatus")),
    ({"record_size": 50}, None),
    ({"at": {"ServerHello": "alert handshake_failure"}}, ("handshake_failure", "", "accepts none of the suites")),
    ({"at": {"ServerHello": "close"}}, ("closed", "", "closed the connection without an alert where ServerHello")),
    ({"at": {"ServerHello": "stall"}}, ("timeout", "user_canceled", "did not send ServerHello within 5 s")),
    ({"at": {"ServerHello": "delay 3"}}, None),
    ({"at": {"ServerHello": "warning user_canceled"}}, None),
    ({"at": {"ServerHello": "repeat"}}, ("unexpected_message", "unexpected_message", "ServerHello where Certificate")),
    ({"at": {"Certificate": "omit"}}, ("unexpected_message", "unexpected_message", "where Certificate was due")),
    ({"at": {"ServerKeyExchange": "corrupt"}}, ("handshake-signature", "decrypt_error", "ServerKeyExchange")),
    ({"at": {"ServerKeyExchange": "omit"}}, ("unexpected_message", "unexpected_message", "ServerHelloDone where")),
    ({"at": {"Finished": "corrupt"}}, ("finished", "decrypt_error", "different handshakes")),
    ({"at": {"ChangeCipherSpec": "omit"}}, ("unexpected_message", "unexpected_message", "ChangeCipherSpec was due")),
    ({"at": {"ChangeCipherSpec": "stall"}}, ("timeout", "user_canceled", "did not send ChangeCipherSpec within 5 s")),
    ({"at": {"Certificate": "alert internal_error"}}, ("internal_error", "", "nothing to do with us")),
]  # fmt: skip


def _failed(failure: Exception | None, expected: tuple[str, str, str]) -> None:
    """Check, alert and words are as expected; "*" leaves the first two open."""
    check, alert, words = expected
    assert isinstance(failure, tls.TlsFailure)
    assert words in str(failure)
    if check != "*":
        assert (failure.check, failure.sent) == (check, alert)


def _id(value: Any) -> str:
    return str(value).replace(" ", "")[1:50] if isinstance(value, dict) else ""


@pytest.mark.parametrize(("deviation", "expected"), CHARGER_DEVIATES, ids=_id)
async def test_a_vehicle_refuses_what_a_charger_does_wrong(
    deviation: dict[str, Any], expected: tuple[str, str, str] | None
) -> None:
    options = tls.ISO2.change(staple="require" if "staple" in deviation else "check", timeout=5.0)
    met = await meet(charger(tls.ISO2.wrong(**deviation)), vehicle(options))
    if expected is None:
        await talk(met, 100)
        return
    _failed(met.vehicle_error, expected)
    alert = expected[1]
    if alert not in ("", "*") and isinstance(met.charger_error, tls.TlsFailure) and not met.charger_error.sent:
        assert met.charger_error.check in (alert, "deviation")


# The same for TLS 1.3.
CHARGER_DEVIATES_13: list[tuple[dict[str, Any], tuple[str, str, str] | None]] = [
    ({"chain": "leaf-only"}, ("missing-intermediate", "unknown_ca", "its issuer")),
    ({"chain": "empty"}, ("no-certificate", "decode_error", "sent no certificate")),
    ({"staple": "missing"}, ("ocsp-missing", "bad_certificate_status_response", "no OCSP response")),
    ({"staple": "leaf-only"}, ("ocsp-missing", "bad_certificate_status_response", "for CPOSubCA2")),
    ({"staple": "stale"}, ("ocsp-stale", "bad_certificate_status_response", "stale")),
    ({"staple": "revoked"}, ("revoked", "certificate_revoked", "revoked on 2026-06-01")),
    ({"select_suite": "TLS_AES_128_GCM_SHA256"}, ("suite-not-offered", "illegal_parameter", "AES_128_GCM")),
    ({"select_version": "1.2"}, ("*", "*", "")),
    ({"at": {"CertificateVerify": "corrupt"}}, ("handshake-signature", "decrypt_error", "CertificateVerify")),
    ({"at": {"CertificateVerify": "omit"}}, ("unexpected_message", "unexpected_message", "CertificateVerify was due")),
    ({"at": {"Finished": "corrupt"}}, ("finished", "decrypt_error", "different handshakes")),
    ({"at": {"EncryptedExtensions": "alert access_denied"}}, ("access_denied", "", "is not allowed access")),
    ({"record_size": 50}, None),
]


@pytest.mark.parametrize(("deviation", "expected"), CHARGER_DEVIATES_13, ids=_id)
async def test_a_vehicle_of_iso20_refuses_what_a_charger_does_wrong(
    deviation: dict[str, Any], expected: tuple[str, str, str] | None
) -> None:
    options = tls.ISO20.change(staple="require", timeout=5.0)
    met = await meet(charger(tls.ISO20.wrong(**deviation), store("iso20")), vehicle(options, store("iso20")))
    if expected is None:
        await talk(met, 100)
        return
    _failed(met.vehicle_error, expected)


# options of the vehicle -> what the charger makes of them: check, alert sent, words
VEHICLE_DEVIATES: list[tuple[str, tls.Options, tuple[str, str, str]]] = [
    ("iso2", tls.ISO2.change(suites=("0xC02B",)),
     ("no-common-suite", "handshake_failure", "the vehicle offers TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")),
    ("iso2", tls.ISO2.change(groups=("x25519",)), ("no-common-group", "handshake_failure", "offers x25519")),
    ("iso2", tls.ISO2.change(signature_algorithms=("ed448",)),
     ("no-common-signature", "handshake_failure", "offers ed448")),
    ("iso2", tls.ISO20, ("no-common-version", "protocol_version", "offers TLS 1.3; this charger accepts TLS 1.2")),
    ("iso20", tls.ISO2, ("no-common-version", "protocol_version", "offers TLS 1.2; this charger accepts TLS 1.3")),
    ("iso20", tls.ISO20.change(groups=("secp256r1",)), ("no-common-group", "handshake_failure", "secp256r1")),
    ("iso20", tls.ISO20.change(suites=(0x1301,)), ("no-common-suite", "handshake_failure", "AES_128_GCM")),
    ("iso20", tls.ISO20.wrong(at={"CertificateVerify": "corrupt"}),
     ("handshake-signature", "decrypt_error", "CertificateVerify")),
    ("iso20", tls.ISO20.wrong(chain="empty"),
     ("no-client-certificate", "certificate_required", "this charger requires one")),
    ("iso20", tls.ISO20.wrong(chain="leaf-only"), ("missing-intermediate", "unknown_ca", "the vehicle's certificate")),
    ("iso2", tls.ISO2.wrong(at={"Finished": "corrupt"}), ("finished", "decrypt_error", "different handshakes")),
    ("iso2", tls.ISO2.wrong(at={"ClientKeyExchange": "omit"}), ("unexpected_message", "unexpected_message", "")),
    ("iso2", tls.ISO2.wrong(at={"ClientHello": "stall"}), ("timeout", "user_canceled", "ClientHello within 5 s")),
    ("iso2", tls.ISO2.wrong(at={"ClientKeyExchange": "alert bad_certificate"}),
     ("bad_certificate", "", "We sent DEPL")),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "options", "expected"), VEHICLE_DEVIATES, ids=[str(n) for n in range(14)])
async def test_a_charger_refuses_what_a_vehicle_does_wrong(
    profile: str, options: tls.Options, expected: tuple[str, str, str]
) -> None:
    met = await meet(
        charger(tls.PROFILES[profile].change(timeout=5.0), store(profile)), vehicle(options, store(profile))
    )
    _failed(met.charger_error, expected)


async def test_a_vehicle_without_its_certificate_learns_of_it_with_the_first_answer() -> None:
    """In TLS 1.3 its handshake is over before the charger looks at the certificate."""
    client = vehicle(tls.ISO20, store("iso20"))
    client.credentials = []
    met = await meet(charger(tls.ISO20, store("iso20")), client)
    assert met.charger_error is not None
    assert met.vehicle is not None
    with pytest.raises(ConnectionLost, match=r"certificate_required \(116\): it insists on a vehicle certificate"):
        await met.vehicle.read_frame()


async def test_a_contract_certificate_is_not_a_vehicle_certificate() -> None:
    """[V2G20-2339, 2342]"""
    client = vehicle(tls.ISO20, store("iso20"))
    for role in ("oem-provisioning", "contract"):
        entry = store("iso20")[role]
        client.credentials = [tls.Credential(list(entry.chain), entry.key)]
        met = await meet(charger(tls.ISO20, store("iso20")), client)
        assert isinstance(met.charger_error, tls.TlsFailure)
        assert met.charger_error.check in ("wrong-role", "unknown-root", "purpose", "name", "missing-intermediate")


# ---------------------------------------------------------------------------------------------------------------
# Certificates

ALERTS = {
    "expired": "certificate_expired",
    "expired-sub-ca": "certificate_expired",
    "not-yet-valid": "certificate_expired",
    "wrong-root": "unknown_ca",
    "twin-root": "unknown_ca",
    "missing-intermediate": "unknown_ca",
    "wrong-role": "unknown_ca",  # a contract, so below the MO root
    "wrong-dc": "unsupported_certificate",
    "wrong-curve": "unsupported_certificate",
    "no-key-usage": "unsupported_certificate",
    "wrong-key-usage": "unsupported_certificate",
    "wrong-purpose": "unsupported_certificate",
    "mixed-algorithms": "unsupported_certificate",
    "revoked": "certificate_revoked",
    "revoked-sub-ca": "certificate_revoked",
}
"""Twin -> alert; bad_certificate for the others. docs/tls.md has the same."""


@pytest.mark.parametrize("name", variants.KINDS)
async def test_each_invalid_copy_of_the_charger_is_refused_with_its_reason(name: str) -> None:
    twin = variants.make(store(), name, Role.SECC, NOW)
    server = charger(tls.LAB)
    server.credentials = [
        tls.Credential(list(twin.chain), twin.leaf.key, store()["v2g-root"].certificate, f"{name}.pem")
    ]
    client = vehicle(tls.LAB.change(versions=("1.2",), tolerate=()))
    assert client.trust is not None
    client.trust = tls.Trust(client.trust.roots, client.trust.file, twin.revocations)
    met = await meet(server, client)
    failure = met.vehicle_error
    assert isinstance(failure, tls.TlsFailure)
    assert failure.check in {str(code) for code in variants.codes(twin.kind, Role.SECC, store().suite)}
    assert failure.sent == ALERTS.get(name, "bad_certificate")
    assert failure.certificate
    assert failure.certificate in str(failure)
    answer = met.charger_error
    assert isinstance(answer, tls.TlsFailure)
    assert answer.received == failure.sent
    assert answer.file == f"{name}.pem"


async def test_an_unknown_root_is_reported_with_the_file_of_roots_at_both_ends() -> None:
    client = vehicle()
    client.trust = tls.Trust([store("iso2", "one")["mo-root"].certificate], "roots.pem")
    met = await meet(charger(), client)
    failure = met.vehicle_error
    assert isinstance(failure, tls.TlsFailure)
    assert failure.check == "unknown-root"
    assert failure.file == "roots.pem"
    assert "roots.pem" in str(failure)
    assert "CN=V2GRootCA" in str(failure)
    assert "We sent DEPLFE00001 < CPOSubCA2 < CPOSubCA1" in str(met.charger_error)


async def test_tolerated_checks_are_reported_and_passed() -> None:
    late = NOW + datetime.timedelta(days=3000)
    client = vehicle(tls.ISO2.change(tolerate=("expired",), staple="ignore"), now=lambda: late)
    met = await meet(charger(), client)
    await talk(met, 100)
    assert "expired on" in met.event("vehicle", "certificate-deviation").note


async def test_a_vehicle_without_a_clock_can_tolerate_what_depends_on_it() -> None:
    """[V2G2-886]: neither the certificates' validity nor the age of OCSP responses counts then."""
    checks = ("expired", "not-yet-valid", "ocsp-stale")
    late = NOW + datetime.timedelta(days=91)
    met = await meet(charger(), vehicle(tls.ISO2.change(tolerate=checks), now=lambda: late))
    await talk(met, 100)
    assert "tolerated" in met.event("vehicle", "staple").note


async def test_without_roots_nothing_is_checked() -> None:
    met = await meet(charger(tls.ISO2.wrong(chain="leaf-only")), vehicle(trust=None))
    await talk(met, 100)


# ---------------------------------------------------------------------------------------------------------------
# After the handshake


async def test_an_alert_after_the_handshake_ends_the_session_with_its_meaning() -> None:
    options = tls.ISO2.wrong(at={"Connected": "alert access_denied"})
    met = await meet(charger(options), vehicle())
    assert isinstance(met.charger_error, tls.TlsFailure)
    assert met.vehicle is not None
    with pytest.raises(ConnectionLost, match=r"access_denied \(49\)"):
        await met.vehicle.read_frame()


async def test_close_without_close_notify() -> None:
    met = await meet(charger(tls.ISO2.wrong(close_notify=False)), vehicle())
    assert met.charger is not None
    assert met.vehicle is not None
    await met.charger.close()
    with pytest.raises(ConnectionLost, match="closed the connection"):
        await met.vehicle.read_frame()
    assert "alert" not in met.names("vehicle")


async def test_a_damaged_record_is_a_lost_connection() -> None:
    met = await meet(charger(), vehicle())
    assert met.charger is not None
    assert met.vehicle is not None
    met.vehicle._streams[1].write(bytes.fromhex("1703030040") + bytes(64))
    with pytest.raises(ConnectionLost, match="cannot be decrypted"):
        await met.charger.read_frame()
    with pytest.raises(ConnectionLost, match=r"bad_record_mac \(20\)"):
        await met.vehicle.read_frame()


async def test_what_a_plain_peer_sends_is_named() -> None:
    ends = await memory_pair()
    await ends[1].write_frame(0x8001, b"no TLS")
    with pytest.raises(tls.TlsFailure, match="the vehicle sent a V2GTP message without TLS"):
        await ends[0].start_tls(charger())


async def test_a_deviation_that_the_bench_cannot_make_is_reported(tmp_path: Any) -> None:
    chain, key, _ = tls.make_certificate(tmp_path, NOW)
    server = tls.server(chain, key, options=tls.ISO2.wrong(staple="stale"))
    ends = await memory_pair()
    results = await asyncio.gather(
        ends[0].start_tls(server), ends[1].start_tls(vehicle(trust=None)), return_exceptions=True
    )
    assert isinstance(results[0], SetupError)
    assert "stale needs" in str(results[0])


def test_the_hello_can_be_told_what_to_contain() -> None:
    """Raw extensions, added and left out."""
    from v2g.tls import vehicle as side
    from v2g.tls.connection import Connection

    options = tls.ISO2.wrong(extensions={"status_request": None, 0x1234: "c0ffee", "ec_point_formats": "020001"})
    hello, _ = side.hello(Connection(vehicle(options), None, None))
    assert ext.STATUS_REQUEST not in hello.extensions
    assert hello.extensions[0x1234] == b"\xc0\xff\xee"
    assert hello.extensions[ext.POINT_FORMATS] == b"\x02\0\x01"


# ---------------------------------------------------------------------------------------------------------------
# The documentation

PAGE = Path(__file__).parents[2] / "docs" / "tls.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here (tests against the wheel)")
def test_the_page_names_every_deviation_alert_and_variant() -> None:
    from v2g.tls.tables import ALERTS as MEANINGS

    page = PAGE.read_text(encoding="utf-8")
    for alert in MEANINGS.values():
        assert f"| `{alert.name}` ({alert.code}) | {alert.meaning} |" in page
    for name in variants.KINDS:
        assert f"| `{name}` | `{ALERTS.get(name, 'bad_certificate')}` |" in page
    for field in tls.Deviations.__struct_fields__:
        assert f"`{field.replace('_', '-')}" in page
    words = {word for deviation, _ in CHARGER_DEVIATES for key in ("chain", "staple") for word in [deviation.get(key)]}
    assert all(word in page for word in words if word)
