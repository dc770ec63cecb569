#!/usr/bin/env python3
"""Conformance campaigns against the independent implementation, unattended, over virtual cables (needs root).

    PLUGFEST_PEER_VENV=.interop/venv python tests/interop/campaign.py OUT [NAME ...] [--rerun-failed]

A name is the side that the counterpart plays and its mode, as peer.py has them: secc-din, evcc-iso2-dc,
secc-iso20-dc-tls, evcc-iso20-ac-bpt-dyn-tls ... Without names, every side is tried in the modes of USUAL. A word
behind a colon is an expression for -k: secc-iso20-dc-pnc:PnC. A number behind an asterisk shares a campaign among
that many benches: evcc-iso20-dc-tls*3.

Each bench has a cable of its own, so that all run at once. OUT gets a folder per campaign, and can be given again
to go on. The counterpart is slow (a Java codec): one codec serves all cases of a campaign, and each limit of its
charger or vehicle is a second later; PLUGFEST_PEER_DELAY=2 makes it two, on a machine that is busy.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from netns import Link, link

VENV = os.environ.get("PLUGFEST_PEER_VENV", ".interop/venv")
PEER = Path(__file__).with_name("peer.py")
DELAY = float(os.environ.get("PLUGFEST_PEER_DELAY", "1"))
"""s more at each limit: its codec needs 0.05 to 0.6 s a message."""

COMMON = {"PICS_CMN_CMN_LoopCounter": 5, "PICS_CMN_CMN_RenegotiationLoopIndication": 4, "PICS_SECC_CMN_Pause": False,
          "PICS_CMN_CMN_WakeUp": 2}  # fmt: skip
PICS: dict[str, dict[str, Any]] = {
    "secc": {
        **COMMON,
        "PIXIT_SECC_CMN_SalesTariff": "salesTariff",
        "PIXIT_SECC_DC_PresentValues": "simulated",
        "PIXIT_SECC_DC_CableCheckOngoing": "ongoing",
        "PICS_SECC_CMN_EIMDone": "afterPlugin",
        "par_waitForNextTC": 0.2,
        "par_CMN_Transmission_Delay": DELAY,
    },
    "evcc": {
        **COMMON,
        "PIXIT_EVCC_CMN_VAS": "none",
        "PIXIT_EVCC_CMN_TLS": "none",
        "PIXIT_EVCC_DC_WeldingDetection": "weldingDetection",
        "PIXIT_EVCC_DC_EndOfCharging": "unknown",  # its simulator stops under current
        "par_CMN_Transmission_Delay": DELAY,
        "par_waitForNextTC": 0.2,
    },
}
ISO20: dict[str, dict[str, Any]] = {
    "secc": {
        "PIXIT_SECC_ISO20_Standby": False,
        "PIXIT_SECC_ISO20_ServiceRenegotiation": False,
        "PIXIT_SECC_CMN_MeterInfo": "meterInfo",
    },
    "evcc": {},
}
"""What its simulators can do in ISO 15118-20."""
LONGEST = "1800"
"""s after which a program of the counterpart ends by itself: no sooner than any case, or its end would be judged."""
QUICK_JVM = "-XX:+UseSerialGC -Xshare:auto"

LEFT_OUT = "not CpE_CpF and not LateResponse"
"""Cases with a vehicle that need a pilot, or limits that the counterpart's codec cannot keep."""

USUAL = ("din", "iso2-dc", "iso2-ac", "iso20-dc-tls", "iso20-ac-tls")


def declared(sut: str, mode: str) -> str:
    """The PICS file of a mode."""
    words = mode.split("-")
    values = dict(PICS[sut])
    if "ac" in words:
        values["PICS_CMN_CMN_ChargingMode"] = "aC"
    if "pnc" in words:
        values["PICS_CMN_CMN_IdentificationMode"] = "pnC"
        values["PIXIT_CMN_ISO20_SignedInfo"] = "xmldsig"
        if sut == "secc":
            values["PIXIT_SECC_CMN_PaymentOption"] = "contract"
    if words[0] == "iso20":
        values |= ISO20[sut]
        values["PICS_CMN_ISO20_ControlMode"] = "dynamic" if "dyn" in words else "scheduled"
        values["PICS_CMN_ISO20_BPT"] = "bpt" in words
    if "tls" in words or "pnc" in words:
        values |= {"PIXIT_SECC_CMN_TLS": True} if sut == "secc" else {"PIXIT_EVCC_CMN_TLS": "tls"}
    lines = (f"{name}: {str(value).lower() if isinstance(value, bool) else value}\n" for name, value in values.items())
    return "".join(lines)


@contextlib.contextmanager
def codec(cable: Link, name: str) -> Iterator[IO[bytes]]:
    """A codec in the counterpart's namespace, warmed up for a mode, which writes its port when it is ready."""
    side, _, mode = name.partition("-")
    command = cable.command(side, f"{VENV}/bin/python", str(PEER), "codec", mode)
    environment = {**os.environ, "JAVA_TOOL_OPTIONS": QUICK_JVM}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout
        finally:
            process.stdin.close()
            process.terminate()  # it may still be warming up


def command(name: str, cable: Link, port: int, folder: Path, words: str, shard: str, more: list[str]) -> list[str]:
    """The command line of a campaign, or of a shard of it."""
    sut, _, mode = name.partition("-")
    pics = folder.with_suffix(".yaml")
    pics.write_text(declared(sut, mode), encoding="utf-8")
    ours, ours_if = ("evcc", cable.evcc_if) if sut == "secc" else ("secc", cable.secc_if)
    theirs_if = cable.secc_if if sut == "secc" else cable.evcc_if
    peer = [f"{VENV}/bin/python", str(PEER), sut, mode, "--iface", theirs_if, "--pki", f"{VENV}/pki",
            "--codec", str(port)]  # fmt: skip
    run = [sys.executable, "-m", "plugfest", "conformance", "run", "--sut", sut, "--protocol", mode.partition("-")[0],
           "-i", ours_if, "--pics", str(pics), "--out", str(folder), "--name", f"Josev {mode} {sut}",
           "--shard", shard]  # fmt: skip
    if "tls" in mode or "pnc" in mode:
        run += ["--pki", f"{VENV}/pki/iso15118_2"]
    if sut == "secc":
        # A fresh charger for each case: this one does not always come back after a session that was broken off.
        peer += ["--quick-stop", "--sessions", "0", "--timeout", LONGEST]
        run += ["--command", " ".join(cable.command("secc", *peer))]
        run += ["--ready-when", "READY", "--ready-after", "0.1"]
    else:
        words = f"({words}) and {LEFT_OUT}" if words else LEFT_OUT
        run += ["--command", " ".join(cable.command("evcc", *peer, "--timeout", LONGEST, "--loops", "1000"))]
        run += ["--ready-after", "0"]
    return cable.command(ours, *run, *more, *(["-k", words] if words else []))


def benches(names: list[str]) -> Iterator[tuple[str, str, str]]:
    """Campaign, expression for -k and shard of each bench."""
    for one in names:
        asked, _, count = one.partition("*")
        name, _, words = asked.partition(":")
        many = int(count or 1)
        yield from ((name, words, f"{number}/{many}") for number in range(1, many + 1))


def stopped(process: subprocess.Popen[bytes]) -> None:
    """Ends a campaign as Ctrl-C does: its results are kept."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait()


def main(out: Path, names: list[str], more: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        ready, running = [], []
        for number, (name, words, shard) in enumerate(benches(names)):
            cable = stack.enter_context(link(f"pfc{number}"))
            ready.append((name, words, shard, cable, stack.enter_context(codec(cable, name))))
        for name, words, shard, cable, port in ready:
            folder = out / name
            log = stack.enter_context(folder.with_suffix(".log").open("ab"))
            asked = command(name, cable, int(port.readline()), folder, words, shard, more)
            process = subprocess.Popen(asked, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            stack.callback(stopped, process)
            running.append(process)
        for process in running:
            process.wait()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit((__doc__ or "").strip())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    if not Path(VENV, "bin", "python").exists():
        sys.exit(f"no counterpart in {VENV}; make interop sets it up, PLUGFEST_PEER_VENV names another")
    asked = [word for word in sys.argv[2:] if not word.startswith("-")]
    options = [word for word in sys.argv[2:] if word.startswith("-")]
    main(Path(sys.argv[1]), asked or [f"{sut}-{mode}" for sut in ("secc", "evcc") for mode in USUAL], options)
