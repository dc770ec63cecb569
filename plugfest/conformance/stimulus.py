"""What a case leaves open, drawn from a seed: ids, priorities, multipliers, offers, states of charge, targets.

A device must take any legal value, so each run has others, and one that only knows the tester's usual values is found
out. Every draw comes from the campaign's seed and the id of the run: the same seed gives the same values, whichever
other runs there are. (Octets of TLS, and signatures, are random anyway.)
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from plugfest.conformance.fields import replaced
from v2g.messages import appproto
from v2g.protocols import Energy, Protocol

SEEDS = 1 << 32
"""Seeds are 0 to this, exclusive."""

OFFERS = 20
"""Entries of supportedAppProtocolReq at most [V2G2-167]."""

ERRORS = (
    "FAILED_RESSTemperatureInhibit", "FAILED_EVShiftPosition", "FAILED_ChargerConnectorLockFault",
    "FAILED_EVRESSMalfunction", "FAILED_ChargingCurrentdifferential", "FAILED_ChargingVoltageOutOfRange",
    "FAILED_ChargingSystemIncompatibility",
)  # fmt: skip
"""DC_EVErrorCodes of both protocols that report an error."""

_T = TypeVar("_T")


def source(seed: int, run: str) -> random.Random:
    """The draws of one run in a campaign with this seed."""
    return random.Random(f"{seed} {run}")


def _shuffled(rng: random.Random, items: list[_T]) -> list[_T]:
    return rng.sample(items, len(items))


def unknown_protocol(rng: random.Random) -> str:
    """A ProtocolNamespace that nobody speaks."""
    return f"urn:plugfest:{rng.randrange(1 << 16):04x}:MsgDef"


# ---------------------------------------------------------------------------------------------------------------
# Physical values


def restated(message: _T, rng: random.Random) -> _T:
    """The same message, each PhysicalValue with one of the multipliers that carry exactly its value.

    Tariffs stay as they are: they may be signed.
    """
    changed: Any = _restated(message, rng)
    return changed  # type: ignore[no-any-return]  # of the kind that was given


def _restated(value: Any, rng: random.Random) -> Any:
    if isinstance(value, list):
        return [_restated(item, rng) for item in value]
    if not isinstance(value, msgspec.Struct) or type(value).__name__ == "SalesTariffType":
        return value
    if type(value).__name__ == "PhysicalValueType":
        return _restated_value(value, rng)
    fields = {name: getattr(value, name) for name in value.__struct_fields__}
    changes = {name: new for name, old in fields.items() if (new := _restated(old, rng)) is not old}
    return msgspec.structs.replace(value, **changes) if changes else value


def _restated_value(value: Any, rng: random.Random) -> Any:
    if not -3 <= value.Multiplier <= 3:
        return value
    thousandths = value.Value * 10 ** (value.Multiplier + 3)
    fitting = [
        (multiplier, thousandths // 10 ** (multiplier + 3))
        for multiplier in range(-3, 4)
        if thousandths % 10 ** (multiplier + 3) == 0 and abs(thousandths) <= 32767 * 10 ** (multiplier + 3)
    ]
    multiplier, amount = rng.choice(fitting or [(value.Multiplier, value.Value)])
    return msgspec.structs.replace(value, Multiplier=multiplier, Value=amount)


# ---------------------------------------------------------------------------------------------------------------
# The two testers


@dataclass
class VehicleStimulus:
    """What the tester vehicle's cases leave open.

    Attributes:
        values: of parameters that nobody declared.
        soc: EVRESSSOC, percent.
        schema_id: of the session's protocol.
        others: (namespace, SchemaID) of protocols that nobody speaks, offered beside it.
        place: Priority of the session's protocol, from 1, among all offers.
        element_id: Id of signed elements.
        error: EVErrorCode where one is reported.
        emaid: of a contract that the tester has not.
        choice: which of several schedules is chosen: this one, modulo their number.
        mix: draws the multipliers, message by message.
    """

    values: Mapping[str, Any]
    soc: int
    schema_id: int
    others: tuple[tuple[str, int], ...]
    place: int
    element_id: str
    error: str
    emaid: str
    choice: int
    mix: random.Random

    @classmethod
    def of(cls, rng: random.Random) -> VehicleStimulus:
        ids = rng.sample(range(256), 4)
        others = tuple((unknown_protocol(rng), number) for number in ids[1 : 1 + rng.randrange(4)])
        battery = rng.randrange(320, 421)
        values = {
            "par_EVCCID": (b"\x02" + rng.randbytes(5)).hex().upper(),  # locally administered, of one station
            "par_EVBatteryVoltage": float(battery),
            "par_EVTargetVoltage": float(battery + rng.randrange(20, 51)),
            "par_EVTargetCurrent": rng.randrange(100, 251) / 10,
            "par_EVMaximumCurrent": float(rng.randrange(100, 126)),
            "par_EAmount": 100 * rng.randrange(100, 601),
        }
        return cls(
            values, rng.randrange(10, 91), ids[0], others, rng.randrange(1, len(others) + 2),
            f"id{rng.randrange(1 << 32):x}", rng.choice(ERRORS), f"DEPLF{rng.randrange(10**9):09}", rng.randrange(6),
            random.Random(rng.random()),
        )  # fmt: skip

    def offer(self, protocol: Protocol, energy: Energy = "DC") -> list[appproto.AppProtocolType]:
        """The session's protocol among others that nobody speaks, priorities from 1 in any order."""
        own = next((one for one in protocol.offers if energy in one.energy), protocol.offers[0])
        offers = [(own.namespace, self.schema_id, self.place)]
        left = [number for number in range(1, len(self.others) + 2) if number != self.place]
        offers += [(*other, priority) for other, priority in zip(self.others, left, strict=True)]
        entries = [
            appproto.AppProtocolType(
                ProtocolNamespace=namespace, VersionNumberMajor=own.version[0], VersionNumberMinor=own.version[1],
                SchemaID=number, Priority=priority,
            )
            for namespace, number, priority in offers
        ]  # fmt: skip
        return _shuffled(self.mix, entries)

    def among(self, entries: list[appproto.AppProtocolType], *, more: bool) -> list[appproto.AppProtocolType]:
        """Offers of a case in any order, under other SchemaIDs; with protocols that nobody speaks if it wants more."""
        ids = self.mix.sample(range(256), OFFERS)
        given = [replaced(entry, "SchemaID", ids.pop()) for entry in entries]
        taken = {entry.Priority for entry in given}
        free = [number for number in range(1, max(taken) + 3) if number not in taken] if more else []
        given += [
            appproto.AppProtocolType(
                ProtocolNamespace=unknown_protocol(self.mix), VersionNumberMajor=2, VersionNumberMinor=0,
                SchemaID=ids.pop(), Priority=number,
            )
            for number in free
        ]  # fmt: skip
        return _shuffled(self.mix, given)


@dataclass
class ChargerStimulus:
    """What the tester charger's cases leave open.

    Attributes:
        evse_id: EVSEID, ISO 15118-2 form.
        meter_id: MeterID.
        meter_wh: what the meter shows at first, Wh.
        tuple_ids: SAScheduleTupleIDs of up to three schedules.
        service: ServiceID of an additional service.
        charge_service: ServiceID of the charge service in DIN SPEC 70121; ISO 15118-2 has 1.
        modes: further DC modes offered in addition to the declared one.
        notice: NotificationMaxDelay, s.
        max_current, max_voltage: limits of the output, A and V.
        mix: draws multipliers and orders, message by message.
    """

    evse_id: str
    meter_id: str
    meter_wh: float
    tuple_ids: tuple[int, ...]
    service: int
    charge_service: int
    modes: tuple[str, ...]
    notice: int
    max_current: float
    max_voltage: float
    mix: random.Random

    @classmethod
    def of(cls, rng: random.Random) -> ChargerStimulus:
        modes = ("DC_core", "DC_combo_core")
        return cls(
            f"{rng.choice(('DE', 'FR', 'NL'))}*{rng.randrange(1000):03d}*E{rng.randrange(10**8)}",
            f"M{rng.randrange(10**9)}",
            float(rng.randrange(10**6)),
            tuple(rng.sample(range(1, 256), 3)),
            rng.randrange(60000, 65536),
            rng.randrange(1, 1000),
            tuple(_shuffled(rng, list(modes))[: rng.randrange(3)]),
            rng.randrange(3, 9),
            float(rng.randrange(250, 400)),
            float(rng.randrange(850, 1000)),
            random.Random(rng.random()),
        )

    def offered(self, modes: list[str]) -> list[str]:
        """Energy transfer modes in any order; further DC modes beside those of a DC charger."""
        dc = all(mode.startswith("DC") for mode in modes)
        return _shuffled(self.mix, list(dict.fromkeys([*modes, *(self.modes if dc else ())])))
