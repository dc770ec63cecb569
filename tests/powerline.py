"""Two network namespaces with a simulated power line between them: each host sees a modem on its interface."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import processes
from netns import AVAILABLE, REASON
from processes import PATIENT, PATIENT_SLAC, PLUGFEST

__all__ = ["AVAILABLE", "REASON", "Lab", "lab"]


def _run(*words: str, check: bool = True) -> str:
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Lab:
    """Namespaces and interfaces of both hosts, and the near ends of their cables."""

    name: str

    def namespace(self, side: str) -> str:
        return f"{self.name}-{side}"

    def interface(self, side: str) -> str:
        """The host's interface; ``side`` is secc or evcc."""
        return f"{self.name}{side[0]}"

    def near(self, side: str) -> str:
        """The other end of its cable, in the namespace of the test."""
        return f"{self.name}{side[0]}n"

    def command(self, side: str, *words: str) -> list[str]:
        """A plugfest command in the namespace of ``side``, with timers that a busy machine keeps."""
        place, patient = 0, []
        if words[:1] in (("evcc",), ("secc",)):
            place, patient = 1, [*PATIENT, *PATIENT_SLAC]
        elif words[:2] in (("slac", "ev"), ("slac", "evse"), ("slac", "doctor")):
            place, patient = 2, PATIENT_SLAC
        words = (*words[:place], *patient, *words[place:])
        return ["ip", "netns", "exec", self.namespace(side), *PLUGFEST, *words]

    def run(self, side: str, *words: str) -> subprocess.CompletedProcess[str]:
        return processes.run(self.command(side, *words))

    def start(self, side: str, *words: str, until: str) -> subprocess.Popen[str]:
        """Starts a command and waits until it says so."""
        return _start(self.command(side, *words), until)

    @contextlib.contextmanager
    def line(self, *options: str) -> Iterator[None]:
        """The power line with two modems, while the context is open."""
        words = [sys.executable, "-m", "plugfest", "slac", "line", self.near("evcc"), self.near("secc"), *options]
        process = _start(words, "power line between")
        try:
            yield
        finally:
            process.kill()
            process.communicate()


def _start(words: list[str], until: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if until in line:
            return process
    raise AssertionError(f"it ended with {process.wait()}: {''.join(seen)}")


@contextlib.contextmanager
def lab(name: str) -> Iterator[Lab]:
    """Makes both namespaces and cables, without a power line, and removes them afterwards.

    Args:
        name: at most 8 characters; the process number makes it unique among runs on one machine.
    """
    made = Lab(f"{name}{os.getpid() % 100_000}")
    sides = ("secc", "evcc")
    try:
        for side in sides:
            namespace, interface, near = made.namespace(side), made.interface(side), made.near(side)
            _run("ip", "netns", "add", namespace)
            _run("ip", "link", "add", near, "type", "veth", "peer", "name", interface, "netns", namespace)
            _run("ip", "netns", "exec", namespace, "sysctl", "-qw", f"net.ipv6.conf.{interface}.accept_dad=0")
            _run("sysctl", "-qw", f"net.ipv6.conf.{near}.disable_ipv6=1")
            _run("ip", "-n", namespace, "link", "set", "lo", "up")
            _run("ip", "-n", namespace, "link", "set", interface, "up")
            _run("ip", "link", "set", near, "up")
        for side in sides:
            show = ("ip", "-n", made.namespace(side), "-6", "addr", "show", "dev", made.interface(side), "-tentative")
            processes.wait(lambda show=show: "inet6 fe80" in _run(*show), f"an address of {made.interface(side)}")
        yield made
    finally:
        for side in sides:
            _run("ip", "link", "del", made.near(side), check=False)
            _run("ip", "netns", "del", made.namespace(side), check=False)
