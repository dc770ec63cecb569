"""Puts a campaign together: the system under test from what the user named, and the tester's side of the bench."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping
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
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot
from v2g import interfaces
from v2g.errors import SetupError
from v2g.trace import Observe

if TYPE_CHECKING:
    from conformance.certificates import Certificates
    from v2g.tls import Context as TlsContext


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
) -> network.NetworkCharger | network.NetworkVehicle:
    """The system under test behind an interface.

    Raises:
        SetupError: the interface cannot be used.
    """
    found = interfaces.find(interface)
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
) -> Campaign:
    """A campaign against what is behind an interface, or without one against our own role in memory.

    Args:
        part: end of the names of this process' own files, where several share the folder.

    Raises:
        SetupError: the interface or the certificates cannot be used.
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

    def open_network(run: Run, pics: Pics, observe: Observe) -> contextlib.AbstractAsyncContextManager[Any]:
        pilot: Any = AssumedVehiclePilot() if sut == "secc" else AssumedChargerPilot()
        if run.protocol == "slac" and not slac_sessions.together(run):
            program = network.Program(command, ready_after, ready_when, log)
            return NetworkSlac(open_link(interface), pilot, pics, program, seconds, actions).open()
        made = system(
            sut, interface, command=command, ready_after=ready_after, ready_when=ready_when, actions=actions,
            pause=seconds, log=log, name=name,
        )  # fmt: skip
        if run.protocol == "slac":
            return NetworkSession(open_link(interface), pilot, pics, made, interface).open()
        return made.open()

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
