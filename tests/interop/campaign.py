#!/usr/bin/env python3
"""Conformance campaigns against the independent implementation, unattended, over virtual cables (needs root).

    PLUGFEST_PEER_VENV=.interop/venv python tests/interop/campaign.py OUT [NAME ...]

The names: secc-din secc-iso2 secc-ac evcc-din evcc-iso2 evcc-ac; all of them where none is given.

Each campaign has a cable of its own, so that all run at once. OUT gets a folder per campaign, and can be given again
to go on. The counterpart is slow (a Java codec): its charger is given a second more for each response.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from netns import Link, link

VENV = os.environ.get("PLUGFEST_PEER_VENV", ".interop/venv")
PEER = Path(__file__).with_name("peer.py")

COMMON = {"PICS_CMN_CMN_LoopCounter": 5, "PICS_CMN_CMN_RenegotiationLoopIndication": 4, "PICS_SECC_CMN_Pause": False}
PICS = {
    "secc": {
        **COMMON,
        "PIXIT_SECC_CMN_SalesTariff": "salesTariff",
        "PIXIT_SECC_DC_CableCheckOngoing": "ongoing",
        "PICS_SECC_CMN_EIMDone": "afterPlugin",
        "par_waitForNextTC": 1.5,
        "par_CMN_Transmission_Delay": 1.0,  # its codec needs 0.1 to 0.6 s a message
    },
    "evcc": {
        **COMMON,
        "PIXIT_EVCC_CMN_VAS": "none",
        "PIXIT_EVCC_CMN_TLS": "none",
        "PIXIT_EVCC_DC_WeldingDetection": "weldingDetection",
        "par_waitForNextTC": 0.5,
    },
}
MODES = {"din": "din", "iso2": "iso2-dc", "ac": "iso2-ac"}
QUICK_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
"""The counterpart starts a JVM for each case, which costs more than the case."""

LEFT_OUT = "not CpE_CpF and not LateResponse"
"""Cases with a vehicle that need a pilot, or limits that the counterpart's codec cannot keep."""


def start(name: str, cable: Link, out: Path) -> subprocess.Popen[bytes]:
    """Starts a campaign."""
    sut, mode = name.split("-")
    protocol = "din" if mode == "din" else "iso2"
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    pics = folder.with_suffix(".yaml")
    declared = PICS[sut] | ({"PICS_CMN_CMN_ChargingMode": "aC"} if mode == "ac" else {})
    pics.write_text("".join(f"{key}: {str(value).lower() if isinstance(value, bool) else value}\n"
                            for key, value in declared.items()))  # fmt: skip
    ours, ours_if = ("evcc", cable.evcc_if) if sut == "secc" else ("secc", cable.secc_if)
    theirs_if = cable.secc_if if sut == "secc" else cable.evcc_if
    peer = [f"{VENV}/bin/python", str(PEER), sut, MODES[mode], "--iface", theirs_if, "--pki", f"{VENV}/pki"]
    words = [sys.executable, "-m", "plugfest", "conformance", "run", "--sut", sut, "--protocol", protocol,
             "-i", ours_if, "--pics", str(pics), "--out", str(folder), "--name", f"Josev {mode} {sut}"]  # fmt: skip
    if sut == "secc":
        # A fresh charger for each case: this one does not always come back after a session that was broken off.
        words += ["--command", " ".join(cable.command("secc", *peer, "--quick-stop", "--timeout", "150"))]
        words += ["--ready-when", "READY", "--ready-after", "0.2"]
    else:
        command = cable.command("evcc", *peer, "--timeout", "100", "--patience", "1", "--loops", "1000")
        words += ["--command", " ".join(command), "--ready-after", "0", "-k", LEFT_OUT]
    environment = {**os.environ, "JAVA_TOOL_OPTIONS": QUICK_JVM}
    with folder.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(cable.command(ours, *words), stdout=log, stderr=log, env=environment)


def main(out: Path, names: list[str]) -> None:
    with contextlib.ExitStack() as stack:
        running = []
        for number, name in enumerate(names):
            cable = stack.enter_context(link(f"pfc{os.getpid() % 1000}{number}"))
            running.append(start(name, cable, out))
        for process in running:
            process.wait()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit((__doc__ or "").strip())
    if not Path(VENV, "bin", "python").exists():
        sys.exit(f"no counterpart in {VENV}; make interop sets it up, PLUGFEST_PEER_VENV names another")
    main(Path(sys.argv[1]), sys.argv[2:] or [f"{sut}-{mode}" for sut in ("secc", "evcc") for mode in MODES])
