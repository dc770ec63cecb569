"""Sets up a campaign: the system under test that the user named, and the tester's side of the bench."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugfest.conformance.campaign.campaign import Campaign
from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.catalogue.protocols import spoken
from plugfest.conformance.sut import network, own_system
from plugfest.conformance.sut.bench import Bench
from plugfest.conformance.sut.certificates import (
    IN_DIRECTORIES,
    Certificates,
    context,
    of_directory,
    options_for,
)
from plugfest.conformance.sut.program import Program
from plugfest.conformance.sut.reach import Reach
from plugfest.conformance.sut.slac import NetworkSlac
from plugfest.conformance.sut.slac_sessions import NetworkSession
from slac.errors import LinkError
from slac.link import open_link
from slac.pilot_open import open_charger_pilot, open_vehicle_pilot
from v2g import tls
from v2g.errors import SetupError
from v2g.protocols import ISO20
from v2g.trace import Observe, ignore

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext


def system(
    sut: str,
    reach: Reach,
    *,
    command: str = "",
    ready_after: float = 1.0,
    ready_when: str = "",
    actions: Mapping[str, str] | None = None,
    pause: float | None = None,
    log: Path | None = None,
    name: str = "",
    observe: Observe = ignore,
) -> network.NetworkCharger | network.NetworkVehicle:
    """The system under test on a network."""
    program = Program(command, ready_after, ready_when, log)
    kind = network.NetworkCharger if sut == "secc" else network.NetworkVehicle
    made = kind(reach, program, actions=actions or {}, observe=observe)
    if pause is not None:
        made.pause = pause
    made.name = name or made.name
    return made


@contextlib.asynccontextmanager
async def line(
    sut: str,
    reach: Reach,
    pics: Pics,
    program: Program,
    pause: float,
    actions: Mapping[str, str] | None = None,
    *,
    behind: network.NetworkCharger | network.NetworkVehicle | None = None,
) -> AsyncIterator[NetworkSlac]:
    """The power line to the system under test, with the tester's pilot.

    Args:
        behind: the system as its sessions see it.

    Raises:
        SetupError, PilotError: interface or pilot cannot be used.
    """
    if sut == "secc" and reach.pilot.startswith("sim"):
        await program.start()  # a simulated pilot is the charger's
    pilot: Any = open_vehicle_pilot(reach.pilot) if sut == "secc" else open_charger_pilot(reach.pilot)
    async with pilot as end:
        try:
            link = open_link(reach.interface)
        except LinkError as why:
            raise SetupError(str(why)) from why
        if behind is None:
            made = NetworkSlac(link, end, pics, program, pause, actions)
        else:
            behind.program, behind.pause = program, pause
            made = NetworkSession(link, end, pics, behind)
        async with made.open() as opened:
            yield opened


def campaign(
    folder: Path,
    sut: str,
    pics: Pics | None,
    *,
    reach: Reach | None = None,
    command: str = "",
    ready_after: float = 1.0,
    ready_when: str = "",
    actions: Mapping[str, str] | None = None,
    reset_command: str = "",
    pause: float | None = None,
    pki: Path | None = None,
    name: str = "",
    longest: float | None = None,
    part: str = "",
) -> Campaign:
    """A campaign against what is on a network, or, without a reach, against our own role in memory.

    Args:
        part: suffix of the names of this process's own files if several processes share the folder.

    Raises:
        SetupError: the interface or the certificates cannot be used, or there is no such pilot.
    """
    if reach is None:

        def open_own(run: Run, pics: Pics, observe: Observe) -> contextlib.AbstractAsyncContextManager[Any]:
            return own_system.own_system(run, pics)

        what = f"plugfest's own {'charger' if sut == 'secc' else 'vehicle'}, in memory, virtual time"
        return Campaign(
            folder, open_own, pics, Pics(own_system.FAST), virtual=True, bench=own_system.bench_for,
            info={"system": name or what}, part=part,
        )  # fmt: skip

    seconds = pause if pause is not None else float((pics or Pics())["par_waitForNextTC"])
    log = folder / f"system{part}.log" if command else None

    def open_network(run: Run, pics: Pics, observe: Observe) -> contextlib.AbstractAsyncContextManager[Any]:
        slac = run.protocol == "slac" and bool(reach.interface)
        where = dataclasses.replace(reach, slac=False, pilot="assumed") if slac else reach
        made = system(
            sut, where, command=command, ready_after=ready_after, ready_when=ready_when, actions=actions,
            pause=seconds, log=log, name=name, observe=observe,
        )  # fmt: skip
        if not slac:
            return made.open()
        behind = made if run.with_session else None
        return line(sut, reach, pics, made.program, seconds, actions, behind=behind)

    found = reach.check()
    sides = _sides(pki, sut)

    def bench(run: Run, pics: Pics, observe: Observe) -> Bench:
        context, known = sides[suite_of(run.protocol)]
        if context is not None:  # a run may change it; the next one starts with the right ones
            context = dataclasses.replace(context, credentials=list(context.credentials), failures=[])
        return Bench(pics, observe, tls=context, certificates=known)

    def reset() -> str:
        done = subprocess.run(reset_command, shell=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
        return f"{reset_command!r} ended with {done.returncode}"

    where = reach.interface or f"{reach.address}, port {reach.port}"
    info = {
        "system": name or f"{'charger' if sut == 'secc' else 'vehicle'} on {where}",
        **({"interface": f"{found.name}, {found.address}"} if found else {}),
        **({"address": f"{reach.address}, port {reach.port}"} if reach.address else {}),
        "control pilot": re.sub(r"://[^/@]*@", "://", reach.pilot),
        "SLAC": "the modems are matched in each case" if reach.slac else "none; the link is up",
        **({"command": command} if command else {}),
    }
    return Campaign(
        folder, open_network, pics, bench=bench, info=info, reset=reset if reset_command else None, longest=longest,
        part=part, interface=reach.interface,
    )  # fmt: skip


def suite_of(protocol: str) -> str:
    """The certificate suite that runs of a protocol need."""
    return "iso20" if spoken(protocol) is ISO20 else "iso2"


def _sides(pki: Path | None, sut: str) -> Mapping[str, tuple[TlsContext | None, Certificates | None]]:
    """The tester's TLS contexts and certificates by suite; no certificates for a suite that the directory lacks.

    Raises:
        SetupError: it has nothing for any suite.
    """
    found, why = {}, None
    for suite in IN_DIRECTORIES:
        try:
            found[suite] = certificates(pki, sut, suite)
        except SetupError as error:
            why = error
    if why is not None and not found:
        raise why
    return {**dict.fromkeys(IN_DIRECTORIES, certificates(None, sut)), **found}


def certificates(pki: Path | None, sut: str, suite: str = "iso2") -> tuple[TlsContext | None, Certificates | None]:
    """The tester's TLS context and certificates, from a PKI directory.

    Args:
        suite: the wanted one of :data:`IN_DIRECTORIES`.

    Raises:
        SetupError: the directory cannot be used.
    """
    if pki is None:
        return (tls.client(None) if sut == "secc" else None), None  # accept whatever the charger shows
    found = of_directory(pki, suite)
    return context(found, "client" if sut == "secc" else "server", options_for(found, suite)), found
