"""Every message of ISO 15118-20 can deviate, and trigger an action, by its name in a bench file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from plugfest.cli import main
from plugfest.config import ConfigError, loads
from plugfest.config.effect import without_effect
from plugfest.config.named import message_classes, message_names
from plugfest.fields import hints
from plugfest.traces.entries import Recording
from plugfest.traces.recording import load

NAMES = [name for name in message_names() if "iso20" in message_classes(name)]
NOT_SPOKEN = ("WPT_", "ACDP_")
WITH_A_CONTRACT = ("CertificateInstallation", "MeteringConfirmation")
SPOKEN = [name for name in NAMES if not name.startswith((*NOT_SPOKEN, *WITH_A_CONTRACT))]
"""In sessions with external payment."""

BASE = """
slac: false
protocol: iso20
any-transport: true
seed: 1
bpt: true
scheduled: true
vehicle: {duration: 6, soc: 50, services: {66: null}}
charger: {services: [parking]}
"""
LATE = 0.011
"""s: a delay that nothing else in a session is likely to make."""


def bench(ac: bool, timeline: list[str], deviations: list[str]) -> str:
    """A bench file; each entry is a YAML mapping."""
    lists = {"timeline": timeline, "deviations": deviations}
    parts = [f"{key}: [{', '.join(entries)}]" for key, entries in lists.items()]
    return "\n".join([f"ac: {str(ac).lower()}{BASE}", *parts])


@cache
def recorded(ac: bool, directory: str) -> tuple[int, Recording, str]:
    """One session in which every message is late once, and an action happens at each."""
    loop = "AC_ChargeLoopReq" if ac else "DC_ChargeLoopReq"
    names = [name for name in SPOKEN if not name.startswith("DC_" if ac else "AC_")]
    timeline = [f"{{at: {name}, do: soc, percent: 50.{place:03}}}" for place, name in enumerate(names)]
    timeline.append(f"{{at: {loop}, after: 2, do: renegotiate}}")
    file, trace = Path(directory) / f"bench{ac}.yaml", Path(directory) / f"trace{ac}.jsonl"
    file.write_text(bench(ac, timeline, [f"{{message: {name}, occurrence: 1, delay: {LATE}}}" for name in names]))
    code = main(["run", str(file), "--fast", "--quiet", "--trace", str(trace)])
    return code, load(trace), str(directory)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("deviations"))


@pytest.mark.parametrize("name", SPOKEN)
def test_every_message_deviates_and_triggers_an_action(name: str, directory: str) -> None:
    code, found, _ = recorded(name.startswith("AC_"), directory)
    assert code == 0
    notes = [entry.note for entry in found.layer("bench")]
    assert f"{name} 1: {LATE} s late" in notes
    names = [n for n in SPOKEN if not n.startswith("DC_" if name.startswith("AC_") else "AC_")]
    assert f"soc percent={50 + names.index(name) / 1000:g}" in notes


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_known_and_what_cannot_come_is_reported(name: str) -> None:
    """Services that are not used, and messages of the other energy, have no effect, which is reported."""
    ac = name.startswith("AC_")
    text = bench(ac, [f"{{at: {name}, do: stop}}"], [f"{{message: {name}, stream: 0x8101}}"])
    told = without_effect(loads(text))
    assert bool(told) == name.startswith(NOT_SPOKEN), told
    if name.startswith(("AC_", "DC_")):
        (other,) = without_effect(loads(bench(not ac, [], [f"{{message: {name}, drop: true}}"])))
        assert other.endswith(f"there is no {name} in {'DC' if ac else 'AC'}")


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_every_message_can_be_set(name: str) -> None:
    """The name of each field is known; one that is not is corrected."""
    (kind,) = (cls for protocol, cls in message_classes(name).items() if protocol == "iso20")
    known = ", ".join(f"{field}: null" for field in hints(kind))
    loads(bench(False, [], [f"{{message: {name}, protocol: iso20, set: {{{known}}}}}"]))
    with pytest.raises(ConfigError, match=f"{name} has no field Nonsense"):
        loads(bench(False, [], [f"{{message: {name}, protocol: iso20, set: {{Nonsense: 1}}}}"]))


WRONG = [
    ("DC_ChargeLoopReq", 0x8101), ("DC_ChargeLoopRes", 0x8104), ("SessionSetupReq", 0x8102),
    ("ScheduleExchangeReq", 0x8003), ("DC_PreChargeRes", 0x9000), ("PowerDeliveryReq", 0x8103),
    ("DC_CableCheckReq", 0x8001), ("SessionStopRes", 0xFFFF),
]  # fmt: skip


@pytest.mark.parametrize(("name", "stream"), WRONG)
def test_a_message_on_the_wrong_stream_is_skipped_and_ends_the_session(name: str, stream: int, tmp_path: Path) -> None:
    """It is reported, and the side that waits for it becomes safe when its timer expires."""
    file, trace = tmp_path / "bench.yaml", tmp_path / "trace.jsonl"
    file.write_text(bench(False, [], [f"{{message: {name}, stream: {stream}}}"]))
    code = main(["run", str(file), "--fast", "--quiet", "--trace", str(trace)])
    found = load(trace)
    assert code != 0
    assert any(f"with payload type 0x{stream:04X}" in entry.note for entry in found.layer("bench"))
    assert found.layer("error")
