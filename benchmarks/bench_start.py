"""How long after its start `plugfest secc` answers its first SDP request, and how much of that is CPU time.

A cable between two network namespaces; a request every 10 ms. Ratios: against a Python that starts and ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from v2g import sdp

RUNS = 7
EVERY = 0.01
WITHIN = 60.0


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def _cable() -> Iterator[tuple[str, str, str]]:
    """A charger's namespace, the interface there, and the interface at our end."""
    number = os.getpid() % 100_000
    space, theirs, ours = f"pfst{number}", f"pfst{number}c", f"pfst{number}v"
    _ip("netns", "add", space)
    try:
        _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", space)
        subprocess.run(["sysctl", "-qw", f"net.ipv6.conf.{ours}.accept_dad=0"], check=False)
        words = ["ip", "netns", "exec", space, "sysctl", "-qw", f"net.ipv6.conf.{theirs}.accept_dad=0"]
        subprocess.run(words, check=False)
        _ip("-n", space, "link", "set", theirs, "up")
        _ip("link", "set", ours, "up")
        show = ["ip", "-n", space, "-6", "addr", "show", "dev", theirs, "scope", "link", "-tentative"]
        while "inet6" not in subprocess.run(show, check=True, capture_output=True, text=True).stdout:
            time.sleep(0.05)
        yield space, theirs, ours
    finally:
        subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


def _computed(process: int) -> float:
    """CPU time in seconds that the first thread of a process has used so far."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def _first_answer(space: str, theirs: str, ours: str, *options: str) -> tuple[float, float]:
    """Seconds from the start of the command to the first SDP response, wall-clock and CPU time."""
    request = sdp.Request(sdp.NO_TLS).pack()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        index = socket.if_nametoindex(ours)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        sock.settimeout(EVERY)
        words = ["nsenter", f"--net=/run/netns/{space}", sys.executable, "-m", "plugfest", "secc", "-i", theirs]
        words += ["--no-slac", "--plain", *options]
        started = time.monotonic()
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as charger:
            try:
                while time.monotonic() < started + WITHIN:
                    sock.sendto(request, (sdp.GROUP, sdp.PORT, 0, index))
                    with contextlib.suppress(TimeoutError):
                        sock.recv(2048)
                        return time.monotonic() - started, _computed(charger.pid)
                raise RuntimeError("the charger did not answer")
            finally:
                charger.terminate()


def _bare() -> tuple[float, float]:
    before, started = os.times(), time.monotonic()
    subprocess.run([sys.executable, "-c", "import asyncio"], check=True)
    took, after = time.monotonic() - started, os.times()
    return took, after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("nsenter") is None:
        print("needs root, iproute2 and nsenter")
        return
    bare = [_bare() for _ in range(RUNS)]
    print(f"median of {RUNS}; seconds until the first SDP response")
    print(f"  {'':<34}{'wall clock':>13}{'CPU time':>13}{'x python':>10}")
    rows = [("python -c 'import asyncio'", bare)]
    with _cable() as cable:
        for name, options in (("plugfest secc", []), ("plugfest secc --tls required", ["--tls", "required"])):
            rows.append((name, [_first_answer(*cable, *options) for _ in range(RUNS)]))
    base = statistics.median(clock for clock, _ in bare)
    for name, runs in rows:
        clock, computed = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"  {name:<34}{clock:>13.3f}{computed:>13.3f}{clock / base:>10.1f}")


if __name__ == "__main__":
    main()
