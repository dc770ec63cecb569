"""TLS between our own ends, in virtual time: what is agreed, what is sent for it, and what observers are told."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from tls_world import NOW, charger, meet, store, talk, vehicle

from v2g import tls
from v2g.errors import SetupError
from v2g.tls import crypto, messages
from v2g.tls import extensions as ext
from v2g.tls.tables import ALERT_CODES

CBC, STATIC = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256"


def test_prf_of_tls_1_2_gives_the_published_vector() -> None:
    secret, seed = bytes.fromhex("9bbe436ba940f017b17652849a71db35"), bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"
    assert crypto.prf("sha256", secret, b"test label", seed, 32).hex() == expected


def test_key_schedule_of_tls_1_3_starts_as_in_rfc_8448() -> None:
    early = crypto.extract("sha256", b"", b"")
    assert early.hex() == "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a"
    derived = crypto.derive("sha256", early, "derived", b"")
    assert derived.hex() == "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba"


# ---------------------------------------------------------------------------------------------------------------
# What is agreed

ISO2_SUITES = (CBC, STATIC, "ECDHE-ECDSA-AES128-GCM-SHA256", "0xC02C")


@pytest.mark.parametrize("suite", ISO2_SUITES)
async def test_every_suite_of_tls_1_2_carries_frames(suite: str) -> None:
    """Static ECDH too, which OpenSSL no longer has."""
    options = tls.ISO2.change(suites=(suite,))
    met = await meet(charger(options), vehicle(options))
    await talk(met)
    assert met.vehicle is not None
    assert met.vehicle.tls is not None
    assert met.vehicle.tls.version == 0x0303
    assert ("ServerKeyExchange" in met.names("vehicle")) == (suite != STATIC)


@pytest.mark.parametrize("kind", ["iso20", "iso20-ed448"])
@pytest.mark.parametrize("group", ["secp521r1", "x448"])
@pytest.mark.parametrize("suite", tls.ISO20.suites)
async def test_every_suite_and_group_of_iso20_with_both_kinds_of_certificates(
    kind: str, group: str, suite: str
) -> None:
    """Mutual: the charger has seen the vehicle's certificate."""
    options = tls.ISO20.change(suites=(suite,), groups=(group,))
    met = await meet(charger(options, store(kind)), vehicle(options, store(kind)))
    await talk(met)
    assert met.charger is not None
    assert met.charger.tls is not None
    assert met.charger.tls.report.startswith(f"TLS 1.3, {suite}, {group}; peer: PLFV")


async def test_the_hello_of_iso20_offers_exactly_what_the_standard_lists() -> None:
    met = await meet(charger(tls.ISO20, store("iso20")), vehicle(tls.ISO20, store("iso20")))
    hello = messages.ClientHello.parse(met.event("charger", "ClientHello").data[4:])
    assert hello.suites == [0x1302, 0x1303]
    assert hello.numbers(ext.SUPPORTED_GROUPS) == [0x0019, 0x001E]
    assert hello.numbers(ext.SIGNATURE_ALGORITHMS) == [0x0603, 0x0808]
    assert hello.numbers(ext.SUPPORTED_VERSIONS, 1) == [0x0304]
    assert hello.extensions[ext.STATUS_REQUEST] == bytes.fromhex("0100000000")
    named = ext.read_names(hello.extensions[ext.CERTIFICATE_AUTHORITIES])
    assert store("iso20")["v2g-root"].certificate.subject.public_bytes() in named
    assert ext.TRUSTED_CA_KEYS not in hello.extensions
    request = messages.CertificateRequest.parse13(met.event("vehicle", "CertificateRequest").data[4:])
    assert store("iso20")["oem-root"].certificate.subject.public_bytes() in request.authorities


async def test_the_hello_of_iso2_offers_exactly_what_the_standard_lists() -> None:
    met = await meet(charger(), vehicle())
    hello = messages.ClientHello.parse(met.event("charger", "ClientHello").data[4:])
    assert hello.suites == [0xC023, 0xC025]
    assert hello.numbers(ext.SUPPORTED_GROUPS) == [23]
    assert hello.numbers(ext.SIGNATURE_ALGORITHMS) == [0x0403]
    roots = ext.read_roots(hello.extensions[ext.TRUSTED_CA_KEYS])
    assert {root.kind for root in roots} == {"cert_sha1_hash"}
    assert ext.asks_multi(hello.extensions[ext.STATUS_REQUEST_V2])
    answer = messages.ServerHello.parse(met.event("vehicle", "ServerHello").data[4:])
    assert answer.suite == 0xC023
    assert answer.extensions[ext.TRUSTED_CA_KEYS] == b""


@pytest.mark.parametrize(
    ("ours", "theirs", "version", "suite"),
    [
        (tls.BOTH, tls.ISO2, 0x0303, CBC),
        (tls.BOTH, tls.ISO20, 0x0304, "TLS_AES_256_GCM_SHA384"),
        (tls.BOTH, tls.BOTH, 0x0304, "TLS_AES_256_GCM_SHA384"),
        (tls.ISO2, tls.BOTH, 0x0303, CBC),
    ],
)
async def test_one_charger_serves_vehicles_of_both_standards(
    ours: tls.Options, theirs: tls.Options, version: int, suite: str
) -> None:
    """With a chain for each: the P-521 one goes to those that speak TLS 1.3."""
    both = store("iso20"), store("iso2")
    met = await meet(charger(ours, *both), vehicle(theirs, *both))
    await talk(met, 100)
    assert met.vehicle is not None
    end = met.vehicle.tls
    assert end is not None
    assert (end.version, end.suite.name if end.suite else "") == (version, suite)
    key = x509.load_der_x509_certificate(end.peer_chain[0]).public_key()
    assert crypto.key_name(key) == ("secp521r1" if version == 0x0304 else "secp256r1")


async def test_a_group_without_a_key_share_costs_a_retry() -> None:
    met = await meet(charger(tls.ISO20.change(groups=("x448",)), store("iso20")), vehicle(tls.ISO20, store("iso20")))
    await talk(met)
    assert met.names("charger").count("ClientHello") == 2
    assert met.vehicle is not None
    assert met.vehicle.description.endswith("TLSv1.3 TLS_AES_256_GCM_SHA384")


async def test_two_key_shares_spare_the_retry() -> None:
    options = tls.ISO20.change(key_shares=("secp521r1", "x448"))
    met = await meet(charger(tls.ISO20.change(groups=("x448",)), store("iso20")), vehicle(options, store("iso20")))
    await talk(met)
    assert met.names("charger").count("ClientHello") == 1


@pytest.mark.parametrize("profile", ["iso2", "iso20"])
@pytest.mark.parametrize("length", [512, 4096])
async def test_max_fragment_length_bounds_each_record(profile: str, length: int) -> None:
    options = tls.PROFILES[profile].change(max_fragment_length=length)
    met = await meet(charger(tls.PROFILES[profile], store(profile)), vehicle(options, store(profile)))
    await talk(met)
    assert met.charger is not None
    assert met.charger.tls is not None
    sent: list[int] = []
    seal = met.charger.tls._sealing.seal
    met.charger.tls._sealing.seal = lambda kind, data: (sent.append(len(data)), seal(kind, data))[1]  # type: ignore[method-assign]  # the test stands in for it
    await met.charger.write_frame(0x8001, bytes(5000))
    assert max(sent) == length


async def test_without_extended_master_secret_the_classic_one_is_used() -> None:
    options = tls.ISO2.change(extended_master_secret=False)
    met = await meet(charger(), vehicle(options))
    await talk(met, 100)
    answer = messages.ServerHello.parse(met.event("vehicle", "ServerHello").data[4:])
    assert ext.EXTENDED_MASTER_SECRET not in answer.extensions


async def test_tls_1_2_with_a_client_certificate_where_a_charger_asks_for_it() -> None:
    """Nothing of ISO 15118-2, but a server may ask."""
    server = charger(tls.ISO2.change(client_certificate="require"))
    server.trust = tls.Trust([store()["oem-root"].certificate])
    server.options = server.options.change(tolerate=("wrong-role", "name", "key-usage"))
    own = store()["oem-provisioning"]
    client = vehicle(credentials=[tls.Credential(list(own.chain), own.key)])
    met = await meet(server, client)
    await talk(met, 100)
    assert "CertificateVerify" in met.names("charger")


# ---------------------------------------------------------------------------------------------------------------
# Which chain is sent


def _two_chains(options: tls.Options) -> tls.Context:
    suite = "iso20" if "1.3" in options.versions else "iso2"
    return charger(options, store(suite), store(suite, "two"))


@pytest.mark.parametrize("kind", ["cert_sha1_hash", "key_sha1_hash", "x509_name", "iso20"])
@pytest.mark.parametrize("held", ["one", "two"])
async def test_the_chain_is_the_one_whose_root_the_vehicle_names(kind: str, held: str) -> None:
    """[V2G2-871, V2G20-2379]; the two roots have the same name here, so only hashes can tell them apart."""
    options = tls.ISO20 if kind == "iso20" else tls.ISO2.change(trusted_ca_keys=kind)
    suite = "iso20" if kind == "iso20" else "iso2"
    client = vehicle(options, store(suite, held))
    assert client.trust is not None
    client.trust.roots = [store(suite, held)["v2g-root"].certificate]
    met = await meet(_two_chains(options), client)
    if kind in ("x509_name", "iso20") and held == "two":
        assert met.failure.check == "twin-root"
    else:
        await talk(met, 100)
        assert "among those that the vehicle names" in met.event("charger", "chain-chosen").note


async def test_a_vehicle_that_names_nothing_gets_the_first_chain() -> None:
    options = tls.ISO2.change(trusted_ca_keys="none")
    met = await meet(_two_chains(options), vehicle(options))
    assert "names no roots" in met.event("charger", "chain-chosen").note


async def test_a_vehicle_whose_roots_are_unknown_gets_the_first_chain_and_refuses_it() -> None:
    """[V2G2-923, 924]"""
    met = await meet(charger(), vehicle(tls.ISO2, store("iso2", "three")))
    assert "no chain of ours ends at a root" in met.event("charger", "chain-chosen").note
    assert met.failure.check in ("twin-root", "unknown-root")
    assert isinstance(met.charger_error, tls.TlsFailure)
    assert met.charger_error.received == "unknown_ca"
    assert "cert_sha1_hash" in str(met.charger_error)


# ---------------------------------------------------------------------------------------------------------------
# OCSP


@pytest.mark.parametrize(
    ("profile", "asked", "stapled"),
    [("iso2", "v1", 1), ("iso2", "v2", 3), ("iso2", "both", 3), ("iso2", "none", 0), ("iso20", "v1", 3)],
)
async def test_responses_are_stapled_as_asked_for_and_checked(profile: str, asked: str, stapled: int) -> None:
    """One for the leaf, or with status_request_v2 and TLS 1.3 one for each certificate [V2G2-871, V2G20-2388]."""
    options = tls.PROFILES[profile].change(status_request=asked, staple="require" if stapled else "check")
    met = await meet(charger(tls.PROFILES[profile], store(profile)), vehicle(options, store(profile)))
    await talk(met, 100)
    assert met.names("vehicle").count("staple") == stapled


async def test_a_revoked_charger_is_refused(tmp_path: Path) -> None:
    """The PKI's revocations reach the staples."""
    from pki.revocation import Revocations

    made = store("iso2", "revoking")
    made.save(tmp_path)
    Revocations.of(made).revoke(made["secc"], NOW - datetime.timedelta(hours=1), "keyCompromise")
    met = await meet(charger(tls.ISO2, made), vehicle(tls.ISO2, made))
    assert met.failure.check == "revoked"
    assert met.failure.sent == "certificate_revoked"


@pytest.mark.parametrize("entry", ["vehicle", "oem-sub2"])
async def test_a_revoked_vehicle_is_refused(entry: str, tmp_path: Path) -> None:
    """By what the charger's PKI says, with TLS 1.3 [V2G20-2331]."""
    from pki.revocation import Revocations

    made = store("iso20", f"revoking {entry}")
    made.save(tmp_path)
    Revocations.of(made).revoke(made[entry], NOW - datetime.timedelta(hours=1), "keyCompromise")
    met = await meet(charger(tls.ISO20, made), vehicle(tls.ISO20, store("iso20", f"revoking {entry}")))
    assert isinstance(met.charger_error, tls.TlsFailure)
    assert (met.charger_error.check, met.charger_error.sent) == ("revoked", "certificate_revoked")
    assert made[entry].common_name in met.charger_error.certificate
    assert "revoked on 2026-06-01 11:00 UTC, keyCompromise" in str(met.charger_error)


async def test_a_revocation_list_in_a_file_counts(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    from pki.revocation import Revocations, crl

    made, said = store("iso20"), Revocations()
    said.revoke(made["vehicle"], NOW - datetime.timedelta(hours=1), "superseded")
    for authority, refused in (("oem-sub2", True), ("mo-sub2", False)):
        file = tmp_path / f"{authority}.crl"
        file.write_bytes(crl(made[authority], said, NOW).public_bytes(Encoding.DER))
        server = charger(tls.ISO20, made)
        assert server.trust is not None
        server.trust.revoked = tls.revoked_by([file])
        met = await meet(server, vehicle(tls.ISO20, made))
        assert isinstance(met.charger_error, tls.TlsFailure) is refused
    file.write_bytes(b"hello")
    with pytest.raises(SetupError, match="the revocation list cannot be used"):
        tls.revoked_by([file])


@pytest.mark.parametrize("private", [True, False])
async def test_only_the_chain_of_a_private_root_may_come_without(private: bool) -> None:
    """[V2G2-872, 873]"""
    from pki.authority import Authority
    from pki.profiles import SUITES, Role

    root = store()["private-root" if private else "v2g-root"]
    leaf = Authority(SUITES["iso2"], NOW, responder="").issue(Role.SECC, root)
    server = charger(credentials=[tls.Credential([leaf.certificate], leaf.key, root.certificate)])
    met = await meet(server, vehicle(tls.ISO2.change(staple="require")))
    if private:
        await talk(met, 100)
    else:
        assert met.failure.check == "ocsp-missing"


@pytest.mark.parametrize(
    ("profile", "staple", "asked", "told"),
    [
        ("iso2", "missing", "both", "for DEPLFE00001, CPOSubCA2, CPOSubCA1, although"),
        ("iso2", "missing", "v1", "for DEPLFE00001, although"),
        ("iso2", "leaf-only", "both", "for CPOSubCA2, CPOSubCA1, although"),
        ("iso2", "leaf-only", "v1", ""),
        ("iso2", "missing", "none", ""),
        ("iso2", "", "both", ""),
        ("iso20", "missing", "v1", "CPOSubCA2, CPOSubCA1, although"),
        ("iso20", "leaf-only", "v1", "for CPOSubCA2, CPOSubCA1, although"),
    ],
)
async def test_responses_that_were_asked_for_and_do_not_come_are_reported(
    profile: str, staple: str, asked: str, told: str
) -> None:
    """A tolerant vehicle goes on; one that requires them refuses the leaf's absence [V2G2-871, 873]."""
    options = tls.PROFILES[profile]
    server = charger(options.wrong(staple=staple), store(profile))
    met = await meet(server, vehicle(options.change(status_request=asked), store(profile)))
    await talk(met, 100)
    notes = [e.note for e in met.events["vehicle"] if e.name == "certificate-deviation"]
    assert [told in note for note in notes] == ([True] if told else [])
    assert all(("V2G20-2388" if profile == "iso20" else "V2G2-871") in note for note in notes)
    strict = await meet(server, vehicle(options.change(status_request=asked, staple="require"), store(profile)))
    if staple == "missing":
        assert strict.failure.check == "ocsp-missing"
        assert ("V2G20-2388" if profile == "iso20" else "V2G2-873") in str(strict.failure)


@pytest.mark.parametrize("answers", [True, False])
async def test_the_answer_to_trusted_ca_keys_can_be_left_out(answers: bool) -> None:
    """There is a vehicle that ends at it; the chain is chosen anyway."""
    server = charger(tls.ISO2.change(answer_trusted_ca_keys=answers))
    met = await meet(server, vehicle(tls.ISO2))
    await talk(met, 100)
    hello = messages.ServerHello.parse(met.event("vehicle", "ServerHello", "rx").data[4:])
    assert (ext.TRUSTED_CA_KEYS in hello.extensions) is answers
    assert "its root is among those" in met.event("charger", "chain-chosen").note


async def test_staples_from_files(tmp_path: Path) -> None:
    from pki import ocsp

    entry = store()["secc"]
    path = tmp_path / "secc.ocsp"
    path.write_bytes(ocsp.staple(store(), entry, NOW))
    server = charger()
    server.credentials[0].stapler = tls.staples.from_files([path])
    met = await meet(server, vehicle(tls.ISO2.change(status_request="v1", staple="require")))
    await talk(met, 100)
    (tmp_path / "no.ocsp").write_bytes(b"x")
    with pytest.raises(SetupError, match="the OCSP response cannot be used"):
        tls.staples.from_files([tmp_path / "no.ocsp"])


# ---------------------------------------------------------------------------------------------------------------
# What observers are told


@pytest.mark.parametrize("profile", ["iso2", "iso20"])
async def test_secrets_are_told_as_key_log_lines_and_are_the_same_at_both_ends(profile: str) -> None:
    server = charger(tls.PROFILES[profile], store(profile))
    met = await meet(server, vehicle(tls.PROFILES[profile], store(profile)))
    lines = {side: [e.data.decode() for e in met.events[side] if e.name == "keylog"] for side in met.events}
    assert lines["charger"] == lines["vehicle"]
    labels = [line.split()[0] for line in lines["charger"]]
    traffic = ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
               "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"]  # fmt: skip
    assert labels == (["CLIENT_RANDOM"] if profile == "iso2" else traffic)
    hello = messages.ClientHello.parse(met.event("charger", "ClientHello").data[4:])
    assert all(line.split()[1] == hello.random.hex() for line in lines["charger"])


async def test_the_certificates_seen_are_reported_with_their_subjects() -> None:
    met = await meet(charger(), vehicle())
    event = met.event("vehicle", "certificates")
    assert event.data == b"".join(store()["secc"].chain_der)
    assert event.note == "DEPLFE00001 < CPOSubCA2 < CPOSubCA1"


async def test_close_notify_ends_a_connection_cleanly() -> None:
    met = await meet(charger(), vehicle())
    assert met.charger is not None
    assert met.vehicle is not None
    await met.vehicle.close()
    await met.charger.close(wait_for_peer=1.0)
    assert met.event("charger", "alert", "rx").note == "close_notify"


# ---------------------------------------------------------------------------------------------------------------
# Options as data


def test_options_come_from_plain_data() -> None:
    made = tls.options_of(
        {"profile": "iso20", "groups": ["x448"], "deviate": {"staple": "stale", "at": {"Finished": "stall"}}}
    )
    assert made.groups == ("x448",)
    assert made.versions == ("1.3",)
    assert made.deviate.staple == "stale"
    assert tls.options_of(
        tls.parse_changes(["versions=1.3", "suites=0x1302", "deviate.at.Connected=alert user_canceled"])
    ) == (tls.ISO2.change(versions=("1.3",), suites=(0x1302,)).wrong(at={"Connected": "alert user_canceled"}))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"grups": ["x448"]}, "unknown field `grups`"),
        ({"groups": ["x25520"]}, "unknown group 'x25520'"),
        ({"suites": ["ECDHE"]}, "unknown suite 'ECDHE'"),
        ({"profile": "iso3"}, "unknown profile 'iso3'; did you mean iso2?"),
        ({"staple": "maybe"}, "Invalid enum value 'maybe'"),
        ({"deviate": {"chain": "shuffled"}}, "Invalid enum value 'shuffled'"),
        ({"deviate": {"at": {"ServerGoodbye": "close"}}}, "unknown handshake message 'ServerGoodbye'"),
        ({"deviate": {"at": {"Finished": "explode"}}}, "unknown action 'explode'"),
        ({"deviate": {"at": {"Finished": "alert oops"}}}, "unknown alert 'oops'"),
        ({"deviate": {"at": {"Finished": "delay long"}}}, "could not convert"),
        ({"deviate": {"extensions": {"status_request": "zz"}}}, "TLS options"),
        ({"versions": ["1.1"]}, "unknown version '1.1'"),
        ({"tolerate": ["expiry"]}, "unknown check 'expiry'; did you mean expired?"),
    ],
)
def test_a_mistake_in_the_options_is_named(data: dict[str, object], said: str) -> None:
    with pytest.raises(SetupError) as caught:
        tls.options_of(data)
    assert said in str(caught.value)


def test_every_alert_has_a_meaning() -> None:
    from v2g.tls.tables import ALERTS, alert_text

    assert len(ALERT_CODES) == len(ALERTS)
    assert alert_text(48) == "unknown_ca (48): it does not have the root of our chain, or a sub-CA was missing"
