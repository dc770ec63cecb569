"""What some tests need and a machine may lack: the last line of a run says what was skipped for lack of what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Need(NamedTuple):
    """Something that tests are skipped without.

    Attributes:
        name: for the last line.
        reason: what reasons for skipping look like that mean it.
        remedy: what to do; "" where that goes without saying.
    """

    name: str
    reason: str
    remedy: str = ""


NEEDS = (
    Need("tshark", "tshark", "apt install tshark"),
    Need("playwright", "playwright", "pip install playwright"),
    Need("starlette and uvicorn", r"plugfest\[web\]", "pip install 'plugfest[web]'"),
    Need("Chromium", "Chromium", "apt install chromium"),
    Need("bash", "bash", "apt install bash"),
    Need("zsh", "zsh", "apt install zsh"),
    Need("fish", "fish", "apt install fish"),
    Need("mosquitto", "mosquitto", "apt install mosquitto"),
    Need("amqtt", "amqtt", "pip install amqtt"),
    Need("nft", "nft", "apt install nftables"),
    Need("setpriv", "setpriv", "apt install util-linux"),
    Need("openssl", "openssl", "apt install openssl"),
    Need("a Java development kit", "Java", "apt install default-jdk-headless"),
    Need("systemd", "systemd-analyze", "apt install systemd"),
    Need("plc-utils", "plc-utils", "apt install plc-utils-extra"),
    Need("root and network namespaces", "root|mount is not allowed|network namespaces", "sudo, apt install iproute2"),
    Need("the source tree or an installed wheel", "wheel|not installed|documentation is not here|docs are not here"),
    Need("an independent implementation", "make interop|independent", "make interop"),
    Need(
        "recordings, schemas or vectors that are not ours to ship",
        "PLUGFEST_SHARED|recording|captures|XSD|XML schemas|vectors|is not there|^no /|reports",
        "PLUGFEST_SHARED",
    ),
)
"""The first that fits a reason is it."""


def need_of(reason: str) -> Need | None:
    """What a reason for skipping means."""
    return next((need for need in NEEDS if re.search(need.reason, reason)), None)


def summary(reasons: Iterable[str]) -> str:
    """One line about all skipped tests."""
    counts: Counter[str] = Counter()
    for reason in reasons:
        need = need_of(reason.removeprefix("Skipped: "))
        if need is None:
            counts[reason.removeprefix("Skipped: ")] += 1
        else:
            counts[f"{need.name} ({need.remedy})" if need.remedy else need.name] += 1
    if not counts:
        return "no test was skipped"
    return "skipped for lack of: " + "; ".join(f"{name}: {count}" for name, count in counts.most_common())
