"""The options of both roles' sessions as a bench describes them, with what Plug & Charge needs."""

from __future__ import annotations

import random
from typing import TypeVar

from evcc.options import Options as VehicleOptions
from plugfest import pnc
from plugfest.config import named
from plugfest.config.model import Bench
from plugfest.config.words import octets
from secc.charger import Evse
from secc.serve import Options as ChargerOptions
from v2g.messages import appproto
from v2g.options import SessionOptions

T = TypeVar("T", bound=SessionOptions)


def charger(bench: Bench, evse: Evse, now: pnc.Now, rng: random.Random) -> ChargerOptions:
    """How the charger of a bench behaves in sessions.

    Args:
        now: wall clock, Unix seconds.
        rng: for session ids and challenges.

    Raises:
        UserError: the PKI, or an entry of it, is missing.
    """
    options = _shared(ChargerOptions(rng=rng), bench, now)
    pnc.equip_charger(options, evse, bench, now)
    return options


def vehicle(bench: Bench, now: pnc.Now, say: pnc.Say) -> VehicleOptions:
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
    pnc.equip_vehicle(options, bench, now, say)
    return options


def _shared(options: T, bench: Bench, now: pnc.Now) -> T:
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
