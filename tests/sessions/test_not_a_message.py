"""A document that is not a message of the session: both roles refuse it and name it; recordings show it and go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import LOOP, Bench

import exi
from plugfest.cli import main
from plugfest.traces.checks import check
from plugfest.traces.recording import from_events
from v2g.messages import din70121, iso2, schema
from v2g.outcome import Cause
from v2g.protocols import DIN, offer

REPORTS = Path(__file__).parents[1] / "data" / "reports"
MODULES = {"din": din70121, "iso2-dc": iso2, "iso2-ac": iso2}
REQUESTS = (
    "SessionSetupReq",
    "ServiceDiscoveryReq",
    "ChargeParameterDiscoveryReq",
    "PowerDeliveryReq",
    "SessionStopReq",
)


def documents(bench: Bench) -> dict[str, tuple[bytes, str]]:
    """Documents that the bench's protocol can encode and no session may hold: bytes, and what names them."""
    module = MODULES[bench.mode]
    own = schema(bench.protocol.name)
    status = module.DC_EVStatusType(EVReady=True, EVErrorCode="NO_ERROR", EVRESSSOC=1)
    header = module.MessageHeaderType(SessionID=bytes(8))
    empty = module.V2G_Message(Header=header, Body=module.BodyType())
    return {
        "a request alone": (exi.encode(own, module.SessionSetupReq(EVCCID=b"\1" * 6)), "SessionSetupReq alone"),
        "a response alone": (
            exi.encode(own, module.SessionSetupRes(ResponseCode="OK", EVSEID=_evse_id(bench))),
            "SessionSetupRes alone",
        ),
        "a type": (exi.encode(own, status), "DC_EVStatus"),
        "a simple value": (exi.encode(own, "key", root="KeyName"), "KeyName"),
        "an empty body": (exi.encode(own, empty), "empty body"),
        "a handshake": (
            exi.encode(schema("appproto"), offer([bench.protocol])),
            "supportedAppProtocolReq in a session of",
        ),
    }  # fmt: skip


def _evse_id(bench: Bench) -> bytes | str:
    return b"\0" if bench.protocol is DIN else "DE*PLF*E1"


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("mode", MODULES)
async def test_the_charger_refuses_what_is_not_a_message(mode: str, tolerant: bool) -> None:
    """At any point of the session, also of a tolerant one, by name; nothing stays energised."""
    for kind in documents(Bench(mode)):
        for name in (*REQUESTS, LOOP[mode]):
            bench = Bench(mode, tolerant=tolerant)
            data, named = documents(bench)[kind]
            bench.ev.rewrite_exi[getattr(MODULES[mode], name)] = lambda _, data=data: data
            vehicle, charger = await bench.run()
            assert charger.cause is Cause.PEER, (kind, name)
            assert named in charger.reason, (kind, name)
            assert not vehicle.ok
            assert _apart(bench), (kind, name)
            _recorded(bench, "se", "evcc", named)


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("mode", MODULES)
async def test_the_vehicle_refuses_what_is_not_a_message(mode: str, tolerant: bool) -> None:
    for kind in documents(Bench(mode)):
        for name in (*REQUESTS, LOOP[mode]):
            bench = Bench(mode, tolerant=tolerant)
            data, named = documents(bench)[kind]
            answer = getattr(MODULES[mode], name.removesuffix("Req") + "Res")
            bench.se.rewrite_exi[answer] = lambda _, data=data: data
            vehicle, _ = await bench.run()
            assert vehicle.cause is Cause.PEER, (kind, name)
            assert named in vehicle.reason, (kind, name)
            assert _apart(bench), (kind, name)
            _recorded(bench, "ev", "secc", named)


def _apart(bench: Bench) -> bool:
    """Nothing flows, and the vehicle is disconnected."""
    flows = bench.power is not None and bench.power.current > 1.0
    return not flows and not bench.vehicle.contactors.closed and not (bench.supply and bench.supply.closed)


def _recorded(bench: Bench, side: str, sender: str, named: str) -> None:
    """The recording of the session blames the sender for the document, by name."""
    recording = from_events(bench.events[side], role="evcc" if side == "ev" else "secc")
    blamed = [f for f in check(recording) if f.severity == "violation"]
    assert {f.side for f in blamed} == {sender}
    # Before the first message of the session, a handshake is a second one.
    (found,) = [f for f in blamed if f.rule in ("not-a-message", "handshake-order")]
    assert named in found.text or found.rule == "handshake-order"


@pytest.mark.parametrize("name", ["bare-request", "bare-response"])
def test_a_bench_with_a_bare_element_is_refused_and_reported(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report, the trace and the capture of such a session are written, read and judged."""
    files = {kind: tmp_path / f"s.{kind}" for kind in ("pcapng", "jsonl", "html")}
    arguments = ["run", str(REPORTS / f"{name}.yaml"), "--fast"]
    for key, kind in (("pcapng", "pcapng"), ("trace", "jsonl"), ("report", "html")):
        arguments += ["--set", f"{key}={files[kind]}"]
    assert main(arguments) != 0
    element = "SessionSetupReq" if name == "bare-request" else "ChargingStatusReq"
    assert element in capsys.readouterr().out
    assert f"&lt;{element}&gt;" in files["html"].read_text()
    for kind in ("pcapng", "jsonl"):
        assert main(["trace", "check", str(files[kind])]) == 1
        assert f"not-a-message: the body element {element} alone" in capsys.readouterr().out
        assert main(["trace", "show", str(files[kind])]) == 0
        assert f"<{element}>" in capsys.readouterr().out


def test_a_trace_with_a_global_element_is_shown_and_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = REPORTS / "global-element.jsonl"
    for command in (["trace", "show"], ["trace", "check"], ["trace", "decode"], ["trace", "stats"]):
        assert main([*command, str(path)]) in (0, 1)
    said = capsys.readouterr().out
    assert "the element Entry, which is not a message" in said
    for form in ("pcapng", "jsonl", "csv", "xml", "json", "hex"):
        assert main(["trace", "export", str(path), "-o", str(tmp_path / f"t.{form}")]) == 0
    assert main(["report", str(path), "-o", str(tmp_path / "t.html")]) == 0
    assert "&lt;Entry&gt;" in (tmp_path / "t.html").read_text()
