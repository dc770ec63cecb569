"""What a lab says when it is ready: where things are, and what to type next."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from plugfest.lab.network import INTERFACE, Network

SUDO_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where sudo looks for programs, whatever the user's PATH says."""


def program() -> str:
    """How to name this program behind sudo: by its path where it is in a virtual environment."""
    started = Path(sys.argv[0])
    if started.name != "plugfest" or shutil.which("plugfest", path=SUDO_PATH):
        return "plugfest"
    return str(started.absolute())


def outset(network: Network, attenuation: float, loss: float) -> Iterator[str]:
    """Where the two ends are."""
    between = f"a simulated power line, {attenuation:g} dB" + (f", {loss:.0%} of the frames lost" if loss else "")
    yield (
        f"charger in {network.namespace('charger')}, vehicle in {network.namespace('vehicle')},"
        f" both on {INTERFACE}; between them {between if network.line else 'one cable, no power line'}"
    )


def next_steps(network: Network, *, hands: bool) -> Iterator[str]:
    """Commands for another terminal, ready to be copied.

    Args:
        hands: the ends are ours, so that actions can be typed.
    """
    car = f"sudo ip netns exec {network.namespace('vehicle')}"
    post = f"sudo ip netns exec {network.namespace('charger')}"
    yield "in another terminal:"
    yield f"  sniff it    {car} tcpdump -i {INTERFACE} -w lab.pcap    (then: plugfest report lab.pcap)"
    if network.line:
        yield f"  look        {car} {program()} slac modem -i {INTERFACE}"
    yield f"  break it    {post} ip link set {INTERFACE} down    (and up again)"
    yield "  test it     plugfest conformance pics charger.yaml --defaults"
    campaign = f"{program()} conformance run --sut secc --protocol iso2,din --pics charger.yaml -i {INTERFACE}"
    yield f"              sudo {program()} lab --name {network.name[:15]}-test --no-slac --peer '{campaign}'"
    if hands:
        yield "here: unplug, plug, stop, fault malfunction, limit max-current=20 ...; ? lists them; Ctrl-C ends the lab"
    else:
        yield "Ctrl-C ends the lab"
