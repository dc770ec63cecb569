"""Deviations in the content of a request, as the catalogue words them: ``EVTargetVoltage: 440 V``.

A field is named by its path or only by its last name; it is looked for through the whole message. A value is a
literal, a quantity with its unit, or a phrase (:data:`PHRASES`, :data:`AS_IT_IS`); some fields have a reader of their
own (:data:`READERS`). Wording that is not understood is refused when the case is read, not when it runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from plugfest.conformance.fields import found, replaced
from plugfest.conformance.randomness import other_octets
from plugfest.conformance.secc import contract, iso20_deviations, profiles
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import NotExecutable
from v2g.physical import physical, rational

Change = Callable[["TesterEv", Any], Any]
"""Makes a changed message from a message."""

AS_IT_IS = re.compile(
    r"PICS_CMN_CMN_EnergyTransferMode(AC|DC)|the first offered|copied from that PMaxSchedule.*|EVCharging or absent"
    r"|that of ChargeService|per identification mode|as offered|within EVSE limits|battery voltage.*|2 A at most"
    r"|6 bytes|[0-9A-F]{12} .*|an offered id|that id|empty body.*|Start|as received|set|current|the selected one"
    r"|PICS_CMN_CMN_\w+|good case"
)
"""Phrases that describe the good case: nothing is changed."""

_QUANTITY = re.compile(r"(-?\d+(?:\.\d+)?) (V|A|W|Wh|s)\b.*")
_LITERAL = re.compile(
    r"[A-Za-z]+_\w+|Contract|ExternalPayment|Terminate|Pause|NoData|NO_ERROR|EIM|PnC|Ongoing|Finished|Charge|Discharge"
    r"|ServiceRenegotiation|CheckIn|CheckOut|Processing|Completed|PowerTolerance\w+"
)


# ---------------------------------------------------------------------------------------------------------------
# Phrases


def _declared(field: str, parameter: str) -> Change:
    """The field with the value that a parameter of the bench declares."""
    return lambda tester, message: replaced(message, field, tester.pics[parameter])


PHRASES: Mapping[tuple[str, str], Change] = {
    ("DepartureTime", "present"): _declared("DepartureTime", "par_DepartureTime"),
    ("MaxEntriesSAScheduleTuple", "present (12)"): _declared(
        "MaxEntriesSAScheduleTuple", "par_MaxEntriesSAScheduleTuple"
    ),
    ("ChargingProfile", "one entry at EVSEMaximumPowerLimit + 1 W (port) or above PMax"): profiles.above,
    ("ChargingProfile", "entry above PMax"): profiles.above,
    (
        "ChargingProfile",
        "7 entries starting at 1400..1500 s, the fourth at 2 x EVSEMaximumPowerLimit, the others at it",
    ): profiles.of_seven,
    ("ChargingProfile.SAScheduleTupleID", "not offered"): profiles.of_no_schedule,
    ("SAScheduleTupleID", "not offered"): profiles.no_schedule,
}
"""(field, phrase of the catalogue) -> what it means."""


# ---------------------------------------------------------------------------------------------------------------
# Fields with a reader of their own


def _as_it_is(value: Any) -> None:
    """Changes nothing: the good case is already right, whatever the value says."""


def _challenge(value: Any) -> Change | None:
    if str(value).startswith("from "):
        return None
    return lambda tester, message: replaced(
        message, "GenChallenge", other_octets(tester.rng, found(message, "GenChallenge"))
    )


def _meter_info(value: Any) -> Change | None:
    if not str(value).startswith("MeterReading + 1000"):
        return None

    def more(tester: TesterEv, message: Any) -> Any:
        info = message.MeterInfo
        other = msgspec.structs.replace(info, MeterReading=(info.MeterReading or 0) + 1000)
        return replaced(message, "MeterInfo", other)

    return more


PROGRESS: Mapping[str | bool, str] = {
    "Start": "Start", "Stop": "Stop", "Renegotiate": "Renegotiate", True: "Start", False: "Stop",
    "Standby": "Standby", "ScheduleRenegotiation": "ScheduleRenegotiation",
}  # fmt: skip
"""ChargeProgress, or DIN's ReadyToChargeState -> what the tester is about to do."""


def _progress(value: Any) -> Change:
    if not isinstance(value, (str, bool)) or value not in PROGRESS:
        raise NotExecutable(f"no way to set the progress to {value!r}")

    def deliver(tester: TesterEv, message: Any) -> Any:
        tester.progress = PROGRESS[value]
        return tester.make("PowerDeliveryReq")

    return deliver


def _services(value: Any) -> Change | None:
    """A list of services by id; 1 means the charge service, whatever its actual id."""
    if not isinstance(value, list):
        return change_of("SelectedServiceList", value)
    ids = [entry["ServiceID"] for entry in value]
    if ids and isinstance(ids[0], str):
        return None

    def select(tester: TesterEv, message: Any) -> Any:
        module = tester.protocol.module
        chosen = [
            module.SelectedServiceType(ServiceID=tester.offered.charge_service if one == 1 else one) for one in ids
        ]
        return replaced(message, "SelectedServiceList", module.SelectedServiceListType(SelectedService=chosen))

    return select


def _changed(value: Any) -> Change | None:
    """Field and value in one: ``EVMaximumCurrentLimit 22 A``."""
    field, _, amount = str(value).partition(" ")
    return change(field, amount)


READERS: Mapping[str, Callable[[Any], Change | None]] = {
    "OEMProvisioningCert": lambda value: contract.provisioning_edit(str(value)),
    "ContractSignatureCertChain": lambda value: contract.chain_edit(str(value)),
    "eMAID": lambda value: contract.emaid_edit(str(value)),
    "GenChallenge": _challenge,
    "MeterInfo": _meter_info,
    "Id": _as_it_is,
    "SessionID": _as_it_is,
    "changed": _changed,
    "ChargeProgress": _progress,
    "ReadyToChargeState": _progress,
    "SelectedServiceList": _services,
    **iso20_deviations.READERS,
}

WHOLE = ("ChargeProgress", "ReadyToChargeState", "like")
"""Fields that rebuild the whole message: they are applied first."""


# ---------------------------------------------------------------------------------------------------------------
# Any field


def change(name: str, value: Any) -> Change | None:
    """The change that a field's value makes to a message; None: none.

    Raises:
        NotExecutable: the value is not understood.
    """
    if isinstance(value, str) and (name, value) in PHRASES:
        return PHRASES[name, value]
    reader = READERS.get(name)
    return reader(value) if reader is not None else change_of(name, value)


def _amount(tester: TesterEv, amount: float, unit: str) -> Any:
    """A quantity as the protocol encodes it."""
    if "iso20-common" in tester.protocol.modules:
        return rational(amount, -1)
    return physical(tester.protocol.module, amount, unit)


def change_of(name: str, value: Any) -> Change | None:
    """A field that takes a literal or a quantity.

    Raises:
        NotExecutable: the value is neither, nor a phrase for the good case.
    """
    text = value if isinstance(value, str) else ""
    if match := _QUANTITY.fullmatch(text):
        amount, unit = float(match[1]), match[2]
        return lambda tester, message: replaced(message, name, _amount(tester, amount, unit))
    if AS_IT_IS.fullmatch(text):
        return None
    if text == "absent":
        return lambda tester, message: replaced(message, name, None)
    if isinstance(value, (bool, int)) or _LITERAL.fullmatch(text):
        return lambda tester, message: replaced(message, name, value)
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
    given = {str(name): value for name, value in (fields or {}).items() if name != "signature"}
    made = [change(name, given[name]) for name in sorted(given, key=lambda name: name not in WHOLE)]
    return [one for one in made if one is not None]
