"""The options of both roles' sessions as a bench describes them, with what Plug & Charge needs."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from evcc.options import Options as VehicleOptions
from plugfest import plans
from plugfest.config import named
from plugfest.config.model import Bench
from plugfest.config.words import octets
from secc import services
from secc.charger import Evse
from secc.serve import Options as ChargerOptions
from v2g.messages import appproto
from v2g.options import SessionOptions

T = TypeVar("T", bound=SessionOptions)
Now = Callable[[], float]


def charger(bench: Bench, evse: Evse, now: Now, rng: random.Random) -> ChargerOptions:
    """How the charger of a bench behaves in sessions.

    Args:
        now: wall clock, Unix seconds.
        rng: for session ids and challenges.

    Raises:
        UserError: the PKI, or an entry of it, is missing.
    """
    options = _shared(ChargerOptions(rng=rng), bench, now)
    station = bench.charger
    options.services = tuple(_services(bench))
    options.goes_on_after_failed_certificate = station.goes_on_after_failed_certificate
    evse.plans = plans.of_bench(station.plans)
    options.standby, options.service_renegotiation = station.standby, station.other_services
    options.renegotiation_tries = station.renegotiation_tries
    if (directory := _pki(bench)) is not None:
        from plugfest import pnc  # with all of cryptography, which a session without contracts can start without

        pnc.equip_charger(options, bench, directory, datetime.datetime.fromtimestamp(now(), datetime.UTC))
    return options


def vehicle(bench: Bench, now: Now, say: Callable[[str], None]) -> VehicleOptions:
    """How the vehicle of a bench behaves in sessions.

    Args:
        now: wall clock, Unix seconds.
        say: takes a line for the user.

    Raises:
        UserError: the PKI, or an entry of it, is missing.
    """
    car = bench.vehicle
    options = _shared(
        VehicleOptions(
            offer=_offer(bench),
            ac=bench.ac,
            duration=car.duration,
            renegotiates=car.renegotiates,
            control=bench.control,
            renegotiation_retries=car.renegotiation_retries,
            authorization_retries=car.authorization_retries,
            service=bench.transfer,
            negative_discharge_limits=car.negative_discharge_limits,
            new_session_id=octets(car.session_id),
        ),
        bench,
        now,
    )
    options.payment = bench.payment
    options.goes_on_after_failed_certificate = car.goes_on_after_failed_certificate
    options.services = {int(number): chosen for number, chosen in car.services.items()}
    if (directory := _pki(bench)) is not None:
        from plugfest import pnc  # see charger()

        pnc.equip_vehicle(options, bench, directory, say)
    return options


def _pki(bench: Bench) -> Path | None:
    """The directory of the PKI from which a bench takes contracts; None: it takes none."""
    return None if bench.pki is None or bench.payment == "external" else Path(bench.pki)


def _services(bench: Bench) -> Iterator[services.Service]:
    """The value-added services that the charger offers."""
    for entry in bench.charger.services:
        if isinstance(entry, str):
            yield services.KNOWN[entry]
        else:
            sets = {int(number): dict(values) for number, values in entry.sets.items()}
            yield services.Service(entry.id, entry.name, entry.category, entry.free, sets, entry.tls, entry.scope)


def _shared(options: T, bench: Bench, now: Now) -> T:
    """Sets the options that both roles have."""
    options.protocols = tuple(named.protocols(bench))
    options.tolerant = not bench.strict
    options.any_transport = bench.any_transport
    options.timing = bench.timer
    options.stamps = bench.stamps
    options.relaxed = bench.relaxed
    options.now = now
    return options


def _offer(bench: Bench) -> appproto.supportedAppProtocolReq | None:
    """What the vehicle offers instead of its protocols; None: its protocols."""
    if not bench.vehicle.offer:
        return None
    entries = [
        appproto.AppProtocolType(
            ProtocolNamespace=entry.namespace,
            VersionNumberMajor=entry.major,
            VersionNumberMinor=entry.minor,
            SchemaID=entry.schema_id,
            Priority=entry.priority,
        )
        for entry in bench.vehicle.offer
    ]
    return appproto.supportedAppProtocolReq(AppProtocol=entries)
