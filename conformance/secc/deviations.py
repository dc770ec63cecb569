"""Deviations of a request's content, as the catalogue words them: ``EVTargetVoltage: 440 V``.

A field is named by its path or only by its last name; it is looked for through the whole message. A value is a
literal, a quantity with its unit, or one of the phrases in :data:`PHRASES`. What nobody understands is refused when
the case is read, not when it runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.fields import replaced
from conformance.secc import din70121, requests
from conformance.secc.contract import certificate_edit, emaid_edit
from conformance.verdict import NotExecutable
from v2g.messages import iso2
from v2g.physical import milliwatts, physical
from v2g.protocols import DIN

if TYPE_CHECKING:
    from conformance.secc.tester import TesterEv


_QUANTITY = re.compile(r"(-?\d+(?:\.\d+)?) (V|A|W|Wh|s)\b.*")


AS_IT_IS = re.compile(
    r"PICS_CMN_CMN_EnergyTransferMode(AC|DC)|the first offered|copied from that PMaxSchedule.*|EVCharging or absent"
    r"|that of ChargeService|per identification mode|as offered|within EVSE limits|battery voltage.*|2 A at most"
    r"|6 bytes|[0-9A-F]{12} .*|an offered id|that id|empty body.*|Start|as received|set|current|the selected one"
    r"|PICS_CMN_CMN_\w+"
)
"""Phrases that describe the good case: nothing is changed."""


Change = Callable[["TesterEv", Any], Any]
"""Makes another message of one."""


def _set(name: str, value: Any) -> Change:
    return lambda tester, message: replaced(message, name, value)


def _quantity(name: str, amount: float, unit: str) -> Change:
    return lambda tester, message: replaced(message, name, physical(tester.protocol.module, amount, unit))


def _departure(tester: TesterEv, message: Any) -> Any:
    return replaced(message, "DepartureTime", tester.pics["par_DepartureTime"])


def _entries(tester: TesterEv, message: Any) -> Any:
    return replaced(message, "MaxEntriesSAScheduleTuple", tester.pics["par_MaxEntriesSAScheduleTuple"])


def _higher(value: Any, factor: int = 1) -> Any:
    """One step more than a power, or so many times it."""
    if isinstance(value, int):
        return value + 1 if factor == 1 else min(value * factor, 32767)
    if factor == 1:
        return iso2.PhysicalValueType(Multiplier=value.Multiplier, Unit="W", Value=value.Value + 1)
    return physical(iso2, milliwatts(value) / 1000.0 * factor, "W", 0)


def _pmax(tester: TesterEv) -> Any:
    """The largest power that the charger has named."""
    schedule = tester.schedule
    powers = [entry.PMax for entry in schedule.PMaxSchedule.PMaxScheduleEntry] if schedule is not None else []
    found_ = tester.responses.get("ChargeParameterDiscoveryRes")
    limit = getattr(getattr(found_, "EVSEChargeParameter", None), "EVSEMaximumPowerLimit", None)
    if tester.protocol is DIN:
        return max(powers, default=32000)
    return max([*powers, *([limit] if limit is not None else [])], key=milliwatts)


def _profile_above(tester: TesterEv, message: Any) -> Any:
    """One entry, just above what is offered."""
    power = _higher(_pmax(tester))
    if tester.protocol is DIN:
        entry: Any = DIN.module.ProfileEntryType(ChargingProfileEntryStart=0, ChargingProfileEntryMaxPower=power)
        profile = DIN.module.ChargingProfileType(SAScheduleTupleID=tester.tuple_id, ProfileEntry=[entry])
    else:
        entry = iso2.ProfileEntryType(ChargingProfileEntryStart=0, ChargingProfileEntryMaxPower=power)
        profile = iso2.ChargingProfileType(ProfileEntry=[entry])
    return replaced(message, "ChargingProfile", profile)


def _profile_of_seven(tester: TesterEv, message: Any) -> Any:
    """Seven entries, the fourth at twice what is offered."""
    power = _pmax(tester)
    entries = [
        iso2.ProfileEntryType(
            ChargingProfileEntryStart=1400 + 16 * place,
            ChargingProfileEntryMaxPower=_higher(power, 2) if place == 3 else power,
        )
        for place in range(7)
    ]
    return replaced(message, "ChargingProfile", iso2.ChargingProfileType(ProfileEntry=entries))


def _bad_tuple(tester: TesterEv, message: Any) -> Any:
    profile = message.ChargingProfile or din70121.profile(tester)
    return replaced(
        message, "ChargingProfile", msgspec.structs.replace(profile, SAScheduleTupleID=tester.tuple_id + 100)
    )


def _other_challenge(tester: TesterEv, message: Any) -> Any:
    return replaced(message, "GenChallenge", tester.rng.randbytes(16))


def _other_reading(tester: TesterEv, message: Any) -> Any:
    info = message.MeterInfo
    return replaced(message, "MeterInfo", msgspec.structs.replace(info, MeterReading=(info.MeterReading or 0) + 1000))


def _progress(value: str) -> Change:
    def change(tester: TesterEv, message: Any) -> Any:
        tester.progress = value
        return requests.make(tester, "PowerDeliveryReq")

    return change


def _services(walk_value: list[Any]) -> Change:
    def change(tester: TesterEv, message: Any) -> Any:
        module = tester.protocol.module
        chosen = [
            module.SelectedServiceType(
                ServiceID=tester.charge_service if entry["ServiceID"] == 1 else entry["ServiceID"]
            )
            for entry in walk_value
        ]
        return replaced(message, "SelectedServiceList", module.SelectedServiceListType(SelectedService=chosen))

    return change


PHRASES: Mapping[tuple[str, str], Change] = {
    ("DepartureTime", "present"): _departure,
    ("MaxEntriesSAScheduleTuple", "present (12)"): _entries,
    ("ChargingProfile", "one entry at EVSEMaximumPowerLimit + 1 W (port) or above PMax"): _profile_above,
    ("ChargingProfile", "entry above PMax"): _profile_above,
    (
        "ChargingProfile",
        "7 entries starting at 1400..1500 s, the fourth at 2 x EVSEMaximumPowerLimit, the others at it",
    ): _profile_of_seven,
    ("ChargingProfile.SAScheduleTupleID", "not offered"): _bad_tuple,
}
"""(field, phrase of the catalogue) -> what it means."""


def change(name: str, value: Any) -> Change | None:
    """What a field's value does to a message; None: nothing.

    Raises:
        NotExecutable: the value is not understood.
    """
    if (name, value if isinstance(value, str) else "") in PHRASES:
        return PHRASES[name, value]
    if name in ("OEMProvisioningCert", "ContractSignatureCertChain"):
        return certificate_edit(name, str(value))
    if name == "eMAID":
        return emaid_edit(str(value))
    if name == "GenChallenge":
        return None if str(value).startswith("from ") else _other_challenge
    if name == "MeterInfo":
        return _other_reading if str(value).startswith("MeterReading + 1000") else None
    if name in ("Id", "SessionID"):
        return None
    if name == "changed":  # "EVMaximumCurrentLimit 22 A"
        field, _, amount = str(value).partition(" ")
        return change(field, amount)
    if name == "ChargeProgress":
        return _progress(str(value))
    if name == "ReadyToChargeState":
        return _progress("Start" if value else "Stop")
    if name == "SelectedServiceList" and isinstance(value, list):
        return None if value and isinstance(value[0].get("ServiceID"), str) else _services(value)
    if isinstance(value, (bool, int)) and not isinstance(value, str):
        return _set(name, value)
    if isinstance(value, str):
        if value == "absent":
            return _set(name, None)
        if match := _QUANTITY.fullmatch(value):
            return _quantity(name, float(match[1]), match[2])
        if AS_IT_IS.fullmatch(value):
            return None
        if re.fullmatch(r"[A-Za-z]+_\w+|Contract|ExternalPayment|Terminate|Pause|NoData|NO_ERROR", value):
            return _set(name, value)
    raise NotExecutable(f"no way to set {name} to {value!r}")


def changes(fields: Any) -> list[Change]:
    """The changes that ``fields`` of a step make, in order: a whole message first, single fields afterwards.

    Raises:
        NotExecutable: one is not understood.
    """
    if isinstance(fields, str):
        if AS_IT_IS.fullmatch(fields):
            return []
        raise NotExecutable(f"fields in words: {fields!r}")
    whole = ("ChargeProgress", "ReadyToChargeState")
    ordered = sorted(
        ((k, v) for k, v in (fields or {}).items() if k != "signature"), key=lambda item: item[0] not in whole
    )
    made = [change(str(name), value) for name, value in ordered]
    return [one for one in made if one is not None]
