"""Commands that tests start, and waiting for something: until it is there, however busy the machine is.

A test in real time asserts order and outcome, never moments that another process can shift. So it waits *until*
something was said or done, and only what hangs meets a limit, which is the same for all (`CEILING`). Timers of the
standards that a busy machine could miss are stretched (`PATIENT`, `PATIENT_SLAC`); what needs their true values runs in
virtual time. `test_real_time` holds the tests to that.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

CEILING = 240.0
"""s: nothing takes longer; what does hangs."""

PLUGFEST = [sys.executable, "-m", "plugfest"]

MESSAGE_TIMEOUTS: Mapping[str, float] = {
    f"V2G_EVCC_Msg_Timeout.{name}": 60.0
    for name in ("default", "ServiceDetailReq", "PowerDeliveryReq", "CurrentDemandReq", "PaymentDetailsReq",
                 "CertificateInstallationReq", "CertificateUpdateReq")
}  # fmt: skip

TIMERS: Mapping[str, float] = {
    **MESSAGE_TIMEOUTS,
    "V2G_EVCC_CommunicationSetup_Timeout": 120.0,
    "V2G_EVCC_CableCheck_Timeout": 120.0,
    "V2G_EVCC_PreCharge_Timeout": 60.0,
    "V2G_SECC_CPState_Detection_Timeout": 30.0,
}
"""Timers of both roles at which a machine that is busy is not a late peer."""

PATIENT = [word for name, seconds in TIMERS.items() for word in ("--timer", f"{name}={seconds:g}")]
"""The same as options of evcc, secc and demo."""

SLAC_TIMERS: Mapping[str, float] = {
    "TT_match_response": 1.0,
    "TT_match_sequence": 10.0,
    "TT_EVSE_vald_toggle": 20.0,
    "TT_match_join": 60.0,
    "modem_answer": 2.0,
}
"""Timers of a matching that only pass when something is missing; those that always pass keep their values."""

PATIENT_SLAC = [word for name, seconds in SLAC_TIMERS.items() for word in ("--slac-timer", f"{name}={seconds:g}")]


def run(words: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, whatever it is; output as text."""
    options = {"capture_output": True, "text": True, "check": False, "timeout": CEILING, **options}
    return subprocess.run(list(words), **options)


class Started:
    """A command that runs.

    Attributes:
        process: of the command; its standard output and errors are one stream.
        lines: what it has said and was waited for.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, text: str) -> str:
        """Waits until it says a line with ``text``, which is returned; fails where it ends without."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} was not said; it ended with {self.process.wait()}: {''.join(self.lines)}")

    def end(self) -> str:
        """Waits for its end; all that it has said."""
        rest, _ = self.process.communicate(timeout=CEILING)
        self.lines.append(rest)
        return "".join(self.lines)


@contextlib.contextmanager
def started(words: Sequence[str], until: str = "", **options: Any) -> Iterator[Started]:
    """A command that runs while the context is open, and is killed in the end; waits until it says so."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **options}
    with subprocess.Popen(list(words), **options) as process:
        try:
            made = Started(process)
            if until:
                made.until(until)
            yield made
        finally:
            process.kill()


def wait(right: Callable[[], object], what: str) -> None:
    """Waits in real time until ``right()``; ``what`` is said where it never comes."""
    end = time.monotonic() + CEILING
    while not right():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.02)


async def until(right: Callable[[], object], what: str) -> None:
    """The same in an asynchronous test, for the real and the virtual loop."""
    loop = asyncio.get_running_loop()
    end = loop.time() + CEILING
    while not right():
        assert loop.time() < end, f"waited in vain: {what}"
        await asyncio.sleep(0.02)


async def stays(right: Callable[[], object], what: str, seconds: float = 1.0) -> None:
    """Something stays as it is for a while: what a busy machine makes longer, and never wrong."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        assert right(), f"did not stay: {what}"
        await asyncio.sleep(0.02)
