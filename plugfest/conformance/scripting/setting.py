"""The setting of a script, from its marker, its parameters and the command line."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from boundary.choices import meant
from plugfest.config.words import PROTOCOLS as NAMES
from plugfest.conformance.campaign import by_pytest
from plugfest.conformance.campaign.evidence import may_capture
from plugfest.conformance.campaign.storage import safe
from plugfest.conformance.catalogue import Case, Mode, Run
from plugfest.conformance.catalogue.pics import Pics, PicsError, load
from plugfest.conformance.catalogue.protocols import word_of
from plugfest.conformance.sut import own_system
from plugfest.conformance.sut.reach import Reach
from v2g import interfaces
from v2g.energy import BY_TITLE
from v2g.errors import SetupError
from v2g.protocols import ISO2, ISO20, PROTOCOLS, Protocol

WORDS = ("protocol", "ac", "payment", "profile", "pics", "service", "control", "watch")
"""Keywords of the marker ``sut``."""


@dataclass
class Setting:
    """What a script tests, and where the system under test is.

    Attributes:
        protocol: the session's protocol.
        ac: AC instead of DC.
        payment: ``external`` or ``contract``.
        profile: our own role's profile: ``strict`` or ``tolerant``.
        reach: where the system is; None: our own role in memory.
        command: command started on plug-in.
        pki: certificates for TLS and contracts when testing a real system.
        actions: commands that stand for what a person would do at a real system.
        seed: decides what the script leaves open.
        watch: judge power, pilot and power line while the script runs.
        adjust: called with our own role before it starts, so that a script can change the system.
    """

    protocol: Protocol = ISO2
    ac: bool = False
    payment: Literal["external", "contract"] = "external"
    profile: str = "strict"
    pics: Pics = field(default_factory=Pics)
    reach: Reach | None = None
    command: str = ""
    pki: Path | None = None
    actions: Mapping[str, str] = field(default_factory=dict)
    seed: int = 1
    watch: bool = True
    trace: Path | None = None
    name: str = "script"
    adjust: list[Callable[[Any], None]] = field(default_factory=list)
    started: list[Any] = field(default_factory=list)

    @property
    def virtual(self) -> bool:
        """Whether scripts run in virtual time."""
        return self.reach is None

    @property
    def place(self) -> Path:
        """Folder for the script's evidence."""
        return (self.trace or Path("sut-traces")) / safe(self.name)

    @functools.cached_property
    def captured(self) -> str:
        """The interface captured while the script runs; "" if there is none or capturing is not allowed."""
        name = self.reach.interface if self.reach is not None else ""
        return name if name and may_capture(name) else ""

    def run(self, sut: str) -> Run:
        """A catalogue run that represents the script."""
        mode = Mode("ac" if self.ac else "dc", "pnc" if self.pics.pnc else "eim")
        protocol = word_of(self.protocol)
        return Run(self.name, Case(self.name, self.name, sut, "derived", "", (protocol,), mode=mode), protocol)


def check_options(config: pytest.Config) -> None:
    """Checks the options once, before any script runs.

    Raises:
        pytest.UsageError: interface or PICS file cannot be used, or there are too few interfaces; says what to do.
    """
    names = by_pytest.interfaces(config)
    workers = getattr(config.option, "numprocesses", None)  # an option of pytest-xdist
    if names and isinstance(workers, int) and workers > len(names):
        raise pytest.UsageError(f"-n {workers} needs as many benches: --sut-interface IFACE,IFACE names {len(names)}")
    try:
        for name in names:
            interfaces.find(name)
        if not names and (found := by_pytest.reach(config)) is not None:
            found.check()
        if pics := config.getoption("--sut-pics"):
            load(Path(pics))
    except (SetupError, PicsError) as why:
        raise pytest.UsageError(str(why)) from why


def setting_of(config: pytest.Config, words: dict[str, Any], name: str) -> Setting:
    """The setting of a script from its marker, its parameters and the command line.

    Raises:
        pytest.UsageError: one of them is invalid.
    """
    for word in words:
        if word not in WORDS:
            raise pytest.UsageError(f"{name}: sut({word}=...){meant(word, WORDS)}")
    path = config.getoption("--sut-pics")
    try:
        pics = load(Path(path)) if path else Pics(dict(own_system.FAST))
        pics = pics.with_(**words.get("pics", {}))
    except PicsError as why:
        raise pytest.UsageError(str(why)) from why
    protocol = NAMES.get(str(words.get("protocol", "iso2")))
    payment = words.get("payment", "contract" if pics.pnc else "external")
    if protocol is None or payment not in ("external", "contract"):
        raise pytest.UsageError(f"{name}: protocol is iso2, iso20 or din, payment external or contract, not {words}")
    profile = str(words.get("profile", "strict"))
    if profile not in ("strict", "tolerant"):
        raise pytest.UsageError(f"{name}: profile is strict or tolerant, not {profile!r}")
    if payment == "contract" and not PROTOCOLS[protocol].abilities.contract:
        raise pytest.UsageError(f"{name}: {PROTOCOLS[protocol].title} does not have payment by contract")
    if not isinstance(watch := words.get("watch", True), bool):
        raise pytest.UsageError(f"{name}: watch is True or False, not {watch!r}")
    changes = _of_iso20(words, protocol, name)
    ac = bool(words.get("ac", changes.get("PICS_CMN_CMN_ChargingMode", "aC" if pics.ac else "dC") == "aC"))
    changes["PICS_CMN_CMN_ChargingMode"] = "aC" if ac else "dC"
    if payment == "contract":
        changes |= {"PICS_CMN_CMN_IdentificationMode": "pnC", "PIXIT_SECC_CMN_TLS": True, "PIXIT_EVCC_CMN_TLS": "tls"}
    trace, interface = config.getoption("--sut-trace"), by_pytest.interface(config)
    return Setting(
        PROTOCOLS[protocol], ac, payment, profile, pics.with_(**changes),
        by_pytest.reach(config), config.getoption("--sut-command").replace("{interface}", interface),
        Path(pki) if (pki := config.getoption("--sut-pki")) else None, by_pytest.actions(config),
        config.getoption("--sut-seed") or 1, watch and not config.getoption("--sut-no-watch"),
        Path(trace) if trace else None, name,
    )  # fmt: skip


def _of_iso20(words: dict[str, Any], protocol: str, name: str) -> dict[str, Any]:
    """What the keywords ``service`` and ``control`` declare.

    Raises:
        pytest.UsageError: there is no such service or control mode, or the protocol has neither.
    """
    service, control = words.get("service"), words.get("control")
    if service is None and control is None:
        return {}
    if PROTOCOLS[protocol] is not ISO20:
        raise pytest.UsageError(f'{name}: only ISO 15118-20 has service and control; add protocol="iso20"')
    changes: dict[str, Any] = {}
    if control is not None:
        if control not in ("scheduled", "dynamic"):
            raise pytest.UsageError(f"{name}: control is scheduled or dynamic, not {control!r}")
        changes["PICS_CMN_ISO20_ControlMode"] = control
    if service is not None:
        found = BY_TITLE.get(str(service))
        if found is None:
            raise pytest.UsageError(f"{name}: service={service!r}{meant(str(service), BY_TITLE)}")
        if "ac" in words and bool(words["ac"]) is not (found.energy == "AC"):
            raise pytest.UsageError(f"{name}: service {service} does not go with ac={words['ac']}")
        changes["PICS_CMN_CMN_ChargingMode"] = "aC" if found.energy == "AC" else "dC"
        changes["PICS_CMN_ISO20_BPT"] = found.bidirectional
        changes["PICS_CMN_ISO20_MCS"] = found.title.startswith("MCS")
    return changes
