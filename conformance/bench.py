"""Puts a campaign together: the system under test from what the user named, and the tester's side of the bench."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import network, own, slac_sessions
from conformance.campaign import Campaign
from conformance.catalogue import Run
from conformance.execute import Bench
from conformance.pics import Pics
from conformance.session_slac_bench import NetworkSession
from conformance.slac_bench import NetworkSlac
from slac.link import open_link
from slac.pilot_open import NAMES, open_charger_pilot, open_vehicle_pilot
from v2g import interfaces
from v2g.errors import SetupError
from v2g.interfaces import Interface
from v2g.trace import Observe

if TYPE_CHECKING:
    from conformance.certificates import Certificates
    from v2g.tls import Context as TlsContext


PILOTS = ("assumed", "sim", "serial:", "tcp:", "mqtt:", "mqtts:")
"""How the names of pilots begin."""


def system(
    sut: str,
    interface: str,
    *,
    command: str = "",
    ready_after: float = 1.0,
    ready_when: str = "",
    actions: Mapping[str, str] | None = None,
    pause: float | None = None,
    log: Path | None = None,
    name: str = "",
    known: Interface | None = None,
) -> network.NetworkCharger | network.NetworkVehicle:
    """The system under test behind an interface.

    Args:
        known: the interface as it was before, where its address may be away for a while.

    Raises:
        SetupError: the interface cannot be used.
    """
    found = known or interfaces.find(interface)
    program = network.Program(command, ready_after, ready_when, log)
    kind = network.NetworkCharger if sut == "secc" else network.NetworkVehicle
    made = kind(found, program=program, actions=actions or {})
    if pause is not None:
        made.pause = pause
    made.name = name or made.name
    return made


def campaign(
    folder: Path,
    sut: str,
    pics: Pics | None,
    *,
    interface: str | None = None,
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
    pilot: str = "assumed",
) -> Campaign:
    """A campaign against what is behind an interface, or without one against our own role in memory.

    Args:
        part: end of the names of this process' own files, where several share the folder.
        pilot: the tester's end of the control pilot, see :mod:`slac.pilot_open`.

    Raises:
        SetupError: the interface or the certificates cannot be used, or there is no such pilot.
    """
    if interface is None:

        def open_own(run: Run, pics: Pics, observe: Observe) -> contextlib.AbstractAsyncContextManager[Any]:
            return own.own_system(run, pics)

        what = f"plugfest's own {'charger' if sut == 'secc' else 'vehicle'}, in memory, virtual time"
        return Campaign(
            folder, open_own, pics, Pics(own.FAST), virtual=True, bench=own.bench_for, info={"system": name or what},
            part=part,
        )  # fmt: skip

    seconds = pause if pause is not None else float((pics or Pics())["par_waitForNextTC"])
    log = folder / f"system{part}.log" if command else None

    if not pilot.startswith(PILOTS):
        raise SetupError(f"no pilot {pilot!r}; write {NAMES}")

    @contextlib.asynccontextmanager
    async def open_network(run: Run, pics: Pics, observe: Observe) -> AsyncIterator[Any]:
        made = system(
            sut, interface, command=command, ready_after=ready_after, ready_when=ready_when, actions=actions,
            pause=seconds, log=log, name=name,
            known=found if run.protocol == "slac" else None,
        )  # fmt: skip
        async with contextlib.AsyncExitStack() as stack:
            if pilot.startswith("sim") and sut == "secc":  # its process holds the wire
                stack.push_async_callback(made.program.stop)
                await made.program.start()
            opener: Any = open_vehicle_pilot if sut == "secc" else open_charger_pilot
            made.pilot = await stack.enter_async_context(opener(pilot))
            opened: Any = made
            if slac_sessions.together(run):
                opened = NetworkSession(open_link(interface), made.pilot, pics, made, interface)
            elif run.protocol == "slac":
                opened = NetworkSlac(open_link(interface), made.pilot, pics, made.program, seconds, actions)
            yield await stack.enter_async_context(opened.open())

    found = interfaces.find(interface)
    context, certificates = _certificates(pki, sut)

    def bench(run: Run, pics: Pics, observe: Observe) -> Bench:
        return Bench(pics, observe, tls=context, certificates=certificates)

    def reset() -> str:
        done = subprocess.run(reset_command, shell=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
        return f"{reset_command!r} ended with {done.returncode}"

    info = {
        "system": name or f"{'charger' if sut == 'secc' else 'vehicle'} on {interface}",
        "interface": f"{found.name}, {found.address}",
        **({"command": command} if command else {}),
        **({"pilot": pilot} if pilot != "assumed" else {}),
    }
    return Campaign(
        folder, open_network, pics, bench=bench, info=info, reset=reset if reset_command else None, longest=longest,
        part=part,
    )  # fmt: skip


def _certificates(pki: Path | None, sut: str) -> tuple[TlsContext | None, Certificates | None]:
    """The tester's TLS context and certificates, out of a PKI directory.

    Raises:
        SetupError: the directory cannot be used.
    """
    from v2g import tls

    if pki is None:
        return (tls.client(None) if sut == "secc" else None), None  # whatever the charger shows is taken
    from pki.errors import PkiError
    from pki.store import Store

    try:
        store = Store(pki, "iso2")
    except PkiError as why:
        raise SetupError(str(why)) from why
    from conformance.certificates import Certificates, context

    certificates = Certificates(store)
    return context(certificates, "client" if sut == "secc" else "server"), certificates
