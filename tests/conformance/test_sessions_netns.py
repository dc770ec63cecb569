"""SLAC cases with sessions, over an interface: real programs on a simulated power line between network namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from powerline import AVAILABLE, REASON, Lab, lab

from plugfest.conformance.campaign.storage import read_results
from plugfest.conformance.verdict import Verdict

pytestmark = [pytest.mark.netns, pytest.mark.skipif(not AVAILABLE, reason=REASON)]

DECLARED: dict[str, Any] = {
    "PICS_CMN_CMN_ChargingMode": "aC", "PICS_CMN_CMN_LoopCounter": 4, "par_waitForNextTC": 0,
    "PICS_CMN_CMN_RenegotiationLoopIndication": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def bench() -> Iterator[Lab]:
    with lab("plfcse") as made, made.line():
        yield made


def campaign(bench: Lab, folder: Path, sut: str, case: str, pilots: tuple[str, str], **declared: Any) -> Any:
    """The result of one case; ``pilots`` are the system's and the tester's."""
    tester = "evcc" if sut == "secc" else "secc"
    pics, out = folder / "pics.yaml", folder / "out"
    pics.write_text("".join(f"{name}: {value}\n" for name, value in {**DECLARED, **declared}.items()))
    system = bench.command(sut, sut, "-i", bench.interface(sut), "--pilot", pilots[0], "--ac", "--plain")
    words = ["--sut", sut, "--protocol", "slac", "-k", case, "--command", " ".join(system), "--out", str(out)]
    words += ["--ready-when", "waits for a vehicle"] if sut == "secc" else []
    done = bench.run(
        tester, "conformance", "run", "-i", bench.interface(tester), "--pics", str(pics), "--pilot", pilots[1], *words
    )
    assert (out / "results.jsonl").exists(), done.stdout + done.stderr
    (result,) = read_results(out).values()
    return result


def test_a_charger_is_woken_up_through_a_shared_pilot(bench: Lab, tmp_path: Path) -> None:
    """SLAC, a session, a short pause, B-C-B: all of it with the charger's own program."""
    pilot = f"sim:{tmp_path / 'wire'}"
    case = "TC_SECC_AC_VTB_PLCLinkStatus_012"
    result = campaign(bench, tmp_path, "secc", case, (pilot, pilot), PICS_CMN_CMN_WakeUp=1.5)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert float(result.observed[-1].removesuffix(" s")) >= 2.5


@pytest.mark.slow
def test_a_vehicle_leaves_the_network_after_its_session(bench: Lab, tmp_path: Path) -> None:
    """That needs no pilot: assumed ones will do."""
    case = "TC_EVCC_AC_VTB_PLCLinkStatus_006"
    result = campaign(bench, tmp_path, "evcc", case, ("assumed", "assumed"), PIXIT_EVCC_CMN_Pause="none")
    assert (result.verdict, result.reason) == (Verdict.PASS, "")


def test_a_wake_up_is_inconclusive_where_nobody_sees_the_pilot(bench: Lab, tmp_path: Path) -> None:
    """At once, with the reason."""
    case = "TC_EVCC_AC_VTB_PLCLinkStatus_001"
    result = campaign(bench, tmp_path, "evcc", case, ("assumed", "assumed"), PIXIT_EVCC_CMN_Pause="pause")
    assert (result.verdict, result.reason) == (Verdict.INCONC, "pilot hardware is needed")


@pytest.mark.slow
def test_a_second_charger_stands_behind_the_testers_modem(bench: Lab, tmp_path: Path) -> None:
    """The vehicle hears two, and takes the nearer one."""
    case = "TC_EVCC_CMN_VTB_CmSlacMatch_012"
    result = campaign(bench, tmp_path, "evcc", case, ("assumed", "assumed"))
    assert (result.verdict, result.reason) == (Verdict.PASS, "")


def test_the_connector_is_pulled_by_the_board(bench: Lab, tmp_path: Path) -> None:
    """A shared pilot can do that: unplugged, the charger does not answer."""
    pilot = f"sim:{tmp_path / 'wire'}"
    result = campaign(bench, tmp_path, "secc", "TC_SECC_CMN_VTB_CmSlacParm_007", (pilot, pilot))
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
