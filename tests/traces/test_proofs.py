"""Chains and signatures of a recording, judged once: what was presented where, its path, whose signatures hold."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pnc import PncBench
from pnc import store as store2
from pnc20 import NOW, PncBench20
from pnc20 import store as store20

from pki.store import Store
from plugfest.certificates import roots
from plugfest.cli import main
from plugfest.traces import proofs
from plugfest.traces.checks import check
from plugfest.traces.entries import Recording
from plugfest.traces.recording import from_events
from plugfest.traces.report import render
from plugfest.virtual import run
from v2g.trace import Event, JsonLines

EPOCH = NOW.timestamp()


async def _session(suite: str) -> list[Event]:
    bench: Any
    if suite == "iso2":
        bench = PncBench(duration=2.0)
        bench.wallet.contract = None
    else:
        bench = PncBench20(duration=2.0, suite=suite)
        bench.installs("DEPLFC00000001")
    bench.contracts.receipt_every = 1.0
    await bench.run()
    return list(bench.events["ev"])


@pytest.fixture(scope="module", params=["iso2", "iso20", "iso20-ed448"])
def made(request: pytest.FixtureRequest) -> tuple[Recording, Store]:
    """A session with an installation and receipts, and the PKI of its contracts."""
    suite = request.param
    recording = from_events(run(_session(suite)), epoch=EPOCH)
    return recording, store2() if suite == "iso2" else store20(suite)


def test_each_chain_is_judged_at_its_place(made: tuple[Recording, Store], tmp_path: Path) -> None:
    """The roots of its PKI are trusted, those of another one with the same names are not; without any, nobody knows."""
    recording, store = made
    store.save(tmp_path / "own")
    places = {"contract", "OEM provisioning", "provisioning service"}

    def judged(*directories: Path) -> dict[str, proofs.Presented]:
        found = proofs.chains(recording, roots.of(directories))
        return {one.place: one for one in found if one.place in places}

    own, unknown = judged(tmp_path / "own"), judged()
    assert own.keys() == unknown.keys() == places
    assert all("not checked against a root" in one.verdict and not one.refused for one in unknown.values())
    alone = store.suite.name == "iso2"  # ISO 15118-2 sends the provisioning certificate without its sub-CAs
    assert {place for place, one in own.items() if one.verdict == "valid, leads to a trusted root"} == places - (
        {"OEM provisioning"} if alone else set()
    )
    other = store20(store.suite.name, "other")
    other.save(tmp_path / "other")
    assert all("has to be refused" in one.verdict for one in judged(tmp_path / "other").values())
    findings = [f for f in check(recording, roots.of([tmp_path / "other"])) if f.rule == "certificate-path"]
    assert {f.side for f in findings} == {"evcc", "secc"}
    assert not [f for f in check(recording) if f.rule == "certificate-path"]


def test_a_recording_without_a_date_is_judged_by_the_clocks_in_it(made: tuple[Recording, Store]) -> None:
    """The charger's clock goes first; the verdict says whose it is, and that lifetimes are unknown where none shows."""
    recording = copy.copy(made[0])
    recording.epoch = 0.0
    found = proofs.chains(recording)
    assert found
    for one in found:
        assert one.at is not None
        assert abs((one.at - NOW).total_seconds()) < 3600.0
        assert one.verdict.startswith(f"valid on {NOW:%Y-%m-%d} by the charger's clock")
    recording.entries = [entry for entry in recording.entries if entry.sender == "evcc"]
    for one in proofs.chains(recording):
        if made[1].suite.name == "iso2":  # only its charger says a time
            assert one.verdict == f"in order ({proofs.UNDATED}); not checked against a root"
        else:
            assert "by the vehicle's clock" in one.verdict


def test_a_chain_that_is_over_by_the_sessions_clock_is_refused(made: tuple[Recording, Store]) -> None:
    recording = copy.copy(made[0])
    recording.epoch, told = 0.0, proofs.told_clock
    late = told(recording)
    assert late is not None
    recording.entries = [copy.copy(entry) for entry in recording.entries]
    for entry in recording.entries:
        entry.time += 40 * 366 * 86400.0 if entry.sender == "evcc" else 0.0
    refused = [one.verdict for one in proofs.chains(recording) if one.entry.sender == "evcc"]
    assert refused
    assert all("expired" in verdict and "(judged on 20" in verdict for verdict in refused)


def test_signatures_of_one_kind_are_one_row(made: tuple[Recording, Store]) -> None:
    recording, _ = made
    rows = {row.what: row for row in proofs.rows(recording, ()) if row.ok}
    names = [entry.name for entry in recording.messages]
    receipts = "MeteringReceiptReq" if "MeteringReceiptReq" in names else "MeteringConfirmationReq"
    assert names.count(receipts) > 1
    assert {"CertificateInstallationReq", "CertificateInstallationRes", "AuthorizationReq", receipts} <= rows.keys()
    assert rows[receipts].count == names.count(receipts)
    assert rows["CertificateInstallationRes"].by == "signed by provisioning service"


def test_the_report_says_whose_signatures_hold(made: tuple[Recording, Store]) -> None:
    page = render(made[0])
    assert "signed by OEM provisioning" in page
    assert "contract certificate" in page
    assert "holds (" in page


def test_commands_take_roots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``trace show``, ``trace check`` and ``report`` say the same of the same chain."""
    file = tmp_path / "trace.jsonl"
    with file.open("w") as sink:
        observe = JsonLines(sink, role="evcc", epoch=EPOCH)
        for event in run(_session("iso20")):
            observe(event)
    store20("iso20", "other").save(tmp_path / "other")
    trust = ["--roots", str(tmp_path / "other")]
    verdict = "has to be refused: "
    for command, words in (("show", []), ("check", ["--strict"])):
        assert main(["trace", command, str(file), *trust, *words]) == (command == "check")
        assert verdict in capsys.readouterr().out
    assert main(["report", str(file), *trust]) == 0
    assert verdict in file.with_suffix(".html").read_text()
    assert main(["trace", "check", str(file), "--roots", str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err


@pytest.mark.parametrize("tls13", [True, False])
def test_the_writers_own_chain_is_in_its_message(tls13: bool) -> None:
    """A trace of the vehicle shows the certificate that it presented, as one of the charger would."""
    ders = [one.certificate.public_bytes(Encoding.DER) for one in store20()["vehicle"].up[:2]]
    extra = b"\0\0" if tls13 else b""
    chain = b"".join(len(der).to_bytes(3, "big") + der + extra for der in ders)
    body = (b"\0" if tls13 else b"") + len(chain).to_bytes(3, "big") + chain
    message = b"\x0b" + len(body).to_bytes(3, "big") + body
    (one,) = proofs.chains(from_events([Event(1.0, "tls", "Certificate", "tx", message)], epoch=EPOCH))
    assert (one.place, one.ders) == ("TLS client", tuple(ders))
    for broken in (b"", message[:9], message + b"\0", b"\x0b\0\0\1\0"):
        assert proofs.chains(from_events([Event(1.0, "tls", "Certificate", "tx", broken)], epoch=EPOCH)) == []
