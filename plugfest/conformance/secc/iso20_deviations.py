"""Deviations of ISO 15118-20 requests that go beyond changing the value of a field.

``like: {service: DC_BPT, control: dynamic}`` makes the request as for another service or control mode; ``profile``
names a power profile that a charger must refuse, ``confirms`` what a metering confirmation is wrong in; ``contract``
and ``provisioning`` name a certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import replaced
from plugfest.conformance.randomness import other_octets
from plugfest.conformance.secc import iso20, iso20_contract
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Inconclusive, NotExecutable
from v2g import energy
from v2g.messages.iso20 import common
from v2g.physical import number, rational

Change = Callable[["TesterEv", Any], Any]


def _like(value: Any) -> Change:
    """The request of another service or control mode; what is not named stays the same."""
    given = dict(value)
    both, control = given.pop("bidirectional", None), given.pop("control", None)
    if given or control not in (None, "scheduled", "dynamic", "other") or both not in (None, "other"):
        raise NotExecutable(f"like {value!r}")

    def make(tester: TesterEv, message: Any) -> Any:
        own = iso20.control(tester)
        service, chosen = own.service, own.chosen
        if both:
            name = service.title.removesuffix("_BPT") if service.bidirectional else f"{service.title}_BPT"
            service = energy.BY_TITLE[name]
        if control:
            chosen = replace(chosen, dynamic=not chosen.dynamic if control == "other" else control == "dynamic")
        tester.control = replace(own, service=service, chosen=chosen)
        try:
            return tester.make(type(message).__name__)
        finally:
            tester.control = own

    return make


def _entries(message: Any) -> list[common.PowerScheduleEntryType]:
    profile = message.EVPowerProfile
    if profile is None:
        raise Inconclusive("this PowerDeliveryReq has no EVPowerProfile", cause=Cause.POINTLESS)
    return list(profile.EVPowerProfileEntries.EVPowerProfileEntry)


def _with(message: Any, entries: list[common.PowerScheduleEntryType]) -> Any:
    return replaced(message, "EVPowerProfileEntries", common.EVPowerProfileEntryListType(EVPowerProfileEntry=entries))


def _above(tester: TesterEv, message: Any) -> Any:
    """Ten times what the schedule allows."""
    schedule = tester.offered.schedule
    offered = schedule.ChargingSchedule.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry
    most = max(number(entry.Power) for entry in offered)
    return _with(message, [common.PowerScheduleEntryType(Duration=e.Duration, Power=rational(most * 10 + 1000))
                           for e in _entries(message)])  # fmt: skip


def _negative(tester: TesterEv, message: Any) -> Any:
    """Power from the vehicle, in a service that only charges."""
    return _with(message, [common.PowerScheduleEntryType(Duration=e.Duration, Power=rational(-1000.0))
                           for e in _entries(message)])  # fmt: skip


def _short(tester: TesterEv, message: Any) -> Any:
    """The profile ends a minute after it began, the schedule hours later."""
    first = _entries(message)[0]
    return _with(message, [common.PowerScheduleEntryType(Duration=60, Power=first.Power)])


def _late_peak(tester: TesterEv, message: Any) -> Any:
    """The last hour above the schedule."""
    last = _entries(message)[-1]
    peak = rational(number(last.Power) * 10 + 1_000_000.0)
    long = max(last.Duration - 3600, 1)
    return _with(message, [*_entries(message)[:-1],
                           common.PowerScheduleEntryType(Duration=long, Power=last.Power),
                           common.PowerScheduleEntryType(Duration=3600, Power=peak)])  # fmt: skip


PROFILES: Mapping[str, Change] = {
    "above the schedule": _above,
    "negative": _negative,
    "too short": _short,
    "above the schedule in its last hour": _late_peak,
    "absent": lambda tester, message: replaced(message, "EVPowerProfile", None),
}


def _profile(value: Any) -> Change:
    if value not in PROFILES:
        raise NotExecutable(f"profile {value!r}")
    return PROFILES[value]


def _filter(value: Any) -> Change:
    """SupportedServiceIDs."""
    ids = common.ServiceIDListType(ServiceID=[int(one) for one in value])
    return lambda tester, message: replaced(message, "SupportedServiceIDs", ids)


def _energy_service(value: Any) -> Change:
    """SelectedEnergyTransferService: a pair of ids, or ``[same, 99]`` for the selected service with another set."""

    def select(tester: TesterEv, message: Any) -> Any:
        own = message.SelectedEnergyTransferService
        service = own.ServiceID if value[0] == "same" else int(value[0])
        pair = common.SelectedServiceType(ServiceID=service, ParameterSetID=int(value[1]))
        return replaced(message, "SelectedEnergyTransferService", pair)

    return select


def _added(value: Any) -> Change:
    """SelectedVASList: one pair of ids."""
    pair = common.SelectedServiceType(ServiceID=int(value[0]), ParameterSetID=int(value[1]))
    listed = common.SelectedServiceListType(SelectedService=[pair])
    return lambda tester, message: replaced(message, "SelectedVASList", listed)


def _method(value: Any) -> Change:
    """AuthorizationReq with a method other than the declared one."""
    if value != "EIM":
        raise NotExecutable(f"method {value!r}")
    own = common.EIM_AReqAuthorizationModeType()
    made = common.AuthorizationReq(SelectedAuthorizationService="EIM", EIM_AReqAuthorizationMode=own)
    return lambda tester, message: made


def _another_session(tester: TesterEv, message: Any) -> Any:
    """The signed data name another session; the header names the right one."""
    session = other_octets(tester.rng, tester.session_id)
    return replaced(
        message, "SignedMeteringData", msgspec.structs.replace(message.SignedMeteringData, SessionID=session)
    )


def _another_mode(tester: TesterEv, message: Any) -> Any:
    """The signed data name a schedule that was not chosen, or any schedule in dynamic mode."""
    chosen = message.SignedMeteringData.Scheduled_SMDTControlMode
    tuple_id = 1 if chosen is None else chosen.SelectedScheduleTupleID % 255 + 1
    data = msgspec.structs.replace(
        message.SignedMeteringData,
        Dynamic_SMDTControlMode=None,
        Scheduled_SMDTControlMode=common.Scheduled_SMDTControlModeType(SelectedScheduleTupleID=tuple_id),
    )
    return replaced(message, "SignedMeteringData", data)


CONFIRMATIONS: Mapping[str, Change] = {"another session": _another_session, "another mode": _another_mode}


def _confirms(value: Any) -> Change:
    if value not in CONFIRMATIONS:
        raise NotExecutable(f"confirms {value!r}")
    return CONFIRMATIONS[value]


READERS: Mapping[str, Callable[[Any], Change | None]] = {
    "like": _like,
    "method": _method,
    "profile": _profile,
    "confirms": _confirms,
    "contract": iso20_contract.contract_edit,
    "provisioning": iso20_contract.provisioning_edit,
    "SupportedServiceIDs": _filter,
    "SelectedEnergyTransferService": _energy_service,
    "SelectedVASList": _added,
}
