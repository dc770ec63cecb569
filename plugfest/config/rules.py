"""What the types of a bench file cannot say: names that must exist, and keys that belong together."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import AddressValueError, IPv6Address
from typing import get_args

from boundary.choices import meant, unknown
from boundary.errors import InputError
from evcc.battery import pack
from pki.errors import PkiError
from pki.sealing import scheme
from plugfest import curves, security
from plugfest.config.actions import (
    Deviate,
    Deviation,
    EmergencyStop,
    Inject,
    Limit,
    Repair,
    SetNeeds,
    SetPower,
    Standby,
    Step,
)
from plugfest.config.charger import Needs
from plugfest.config.check import Path
from plugfest.config.model import Bench
from plugfest.config.named import message_classes, message_names, spoken
from plugfest.config.rating import rating
from plugfest.config.secure import TlsOptions
from plugfest.config.vehicle import Pack
from plugfest.config.words import PROTOCOLS, octets, protocol_names, replacement
from plugfest.deviations import check_fields, occurrences
from slac.connector import connector
from slac.timing import STANDARD, table
from v2g.errors import SetupError
from v2g.messages import iso2
from v2g.protocols import PROTOCOLS as KNOWN
from v2g.rules.iso20.status import CODES
from v2g.status import refuses
from v2g.timing import ISO2, Timing

Complaint = tuple[Path, str]
Rule = Callable[[Bench], Iterable[Complaint]]

VEHICLE_FAULTS = ("welded", "error")
CABLE_FAULTS = ("pilot-short",)


def broken(bench: Bench, rules: Iterable[Rule] | None = None) -> Iterator[Complaint]:
    """Every rule that a bench breaks, or every one of these: where, and what to do."""
    for rule in (*TOGETHER, *VALUES) if rules is None else rules:
        yield from rule(bench)


def _surroundings(bench: Bench) -> Iterator[Complaint]:
    if bench.role == "both":
        if bench.interface is not None:
            yield ("interface",), "leave it out: role both runs in memory, and a lab makes its own interfaces"
        if bench.fast and bench.mqtt is not None:
            yield ("fast",), "a broker needs real time; leave out fast, or mqtt"
        if bench.fast and bench.web is not None:
            yield ("fast",), "a panel needs real time; leave out fast, or web"
        if bench.fast and bench.vehicle.loop_delay <= 0.0 and not bench.vehicle.pauses:
            yield ("vehicle", "loop-delay"), "in virtual time a loop without pauses never ends; 0.01 is short enough"
    else:
        if bench.interface is None:
            yield ("interface",), f"missing: role {bench.role} needs a network interface"
        if bench.fast:
            yield ("fast",), "virtual time needs role both"
    if (bench.cert is None) != (bench.key is None):
        yield ("cert" if bench.cert else "key",), "give both --cert and --key"
    if bench.role == "evcc" and (bench.address is None) != (bench.port is None):
        yield ("address" if bench.address else "port",), "give both --address and --port"
    for name in ("sdp_to", "address"):
        value = getattr(bench, name)
        if value is not None and not _is_ipv6(value):
            yield (name.replace("_", "-"),), f"{value}: give an IPv6 address"


def _transfer(bench: Bench) -> Iterator[Complaint]:
    """What only ISO 15118-20 can do, and services of the other energy."""
    if not any(protocol.abilities.bidirectional for protocol in spoken(bench)):
        asked = {"bpt": bench.bpt, "service": bench.service, "dynamic": bench.dynamic, "scheduled": bench.scheduled}
        for key in (key for key, there in asked.items() if there):
            yield (key,), "only ISO 15118-20 has that; add iso20 to protocol"
    if bench.dynamic and bench.scheduled:
        yield ("scheduled",), "conflicts with dynamic; leave out both if either will do"
    if bench.service is not None and bench.service.startswith("MCS") != (bench.connector.lower() == "mcs"):
        other = "add connector: mcs" if bench.service.startswith("MCS") else "choose another connector"
        yield ("service",), f"{bench.service} does not go with connector {bench.connector}; {other}"
    if bench.service is not None and bench.service.startswith("AC") != bench.ac:
        how = "leave out ac" if bench.ac else "add ac"
        yield (
            ("service",),
            f"{bench.service} does not go with {'AC' if bench.ac else 'DC'}; {how}, or leave out service",
        )


def _asked_needs(bench: Bench) -> Iterator[Complaint]:
    if bench.charger.needs is None and any(isinstance(s, SetNeeds) and s.by == "charger" for s in bench.timeline):
        yield (
            ("timeline",),
            "do: needs by the charger: the charger accepts them only if it asks for them; add charger: {needs: {}}",
        )


def _energy_manager(bench: Bench) -> Iterator[Complaint]:
    if bench.charger.needs is not None:
        yield from _needs(bench.charger.needs, ("charger", "needs"))
    match bench.charger.target_power:
        case [*points] if why := _curve(points):
            yield ("charger", "target-power"), why
        case str(name):
            try:
                curves.read(pathlib.Path(name))
            except InputError as error:
                yield ("charger", "target-power"), str(error)


def _curve(points: Sequence[tuple[float, float]]) -> str:
    made = curves.of_points(points)
    try:
        curves.check(made[:1])
        curves.check(made)
    except ValueError as why:
        return str(why)
    return ""


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text.partition("%")[0])
    except AddressValueError:
        return False
    return True


def _protocols(bench: Bench) -> Iterator[Complaint]:
    names = protocol_names(bench)
    for at, word in enumerate(names):
        if word.lower() not in PROTOCOLS:
            path: Path = ("protocol",) if isinstance(bench.protocol, str) else ("protocol", at)
            yield path, unknown("protocol", word, PROTOCOLS)
    for timer, seconds in bench.timer.items():
        try:
            ISO2.replace({timer: seconds})
        except SetupError as why:
            known = timer.partition(".")[0] in _timers()
            yield ("timer", timer), str(why) if known else unknown("timer", timer, _timers())
        if not seconds >= 0.0:
            yield ("timer", timer), f"{seconds:g} s is not possible"


def _abilities(bench: Bench) -> Iterator[Complaint]:
    """What the protocols cannot do, or need."""
    names = protocol_names(bench)
    chosen = {KNOWN[PROTOCOLS[word.lower()]] for word in names if word.lower() in PROTOCOLS}
    if bench.ac and chosen and not any(protocol.can_charge("AC") for protocol in chosen):
        titles = " or ".join(sorted(protocol.title for protocol in chosen))
        yield ("protocol",), f"{titles} has no AC; use iso2"
    if bench.tls == "none" and not bench.any_transport and any(protocol.abilities.mutual for protocol in chosen):
        yield (
            ("protocol",),
            "ISO 15118-20 is spoken over TLS 1.3: set tls: required (or optional), or any-transport: true",
        )


def _pilot(bench: Bench) -> Iterator[Complaint]:
    if bench.vehicle.basic and not (bench.ac and bench.role == "evcc"):
        yield ("vehicle", "basic"), "the nominal duty is for a vehicle with ac (role evcc)"
    elif bench.vehicle.basic and bench.pilot == "assumed":
        yield ("vehicle", "basic"), "the nominal duty must be measured: name a pilot"
    if bench.charger.initial_duty == 100 and not (bench.ac and bench.slac and bench.role == "secc"):
        yield ("charger", "initial-duty"), "only a charger with ac and SLAC can start with nothing offered (role secc)"


def _slac(bench: Bench) -> Iterator[Complaint]:
    for timer, seconds in bench.slac_timer.items():
        try:
            STANDARD.replace(**{timer: seconds})
        except ValueError as why:
            names = [row.name for row in table()]
            yield ("slac-timer", timer), str(why) if timer in names else unknown("SLAC timer", timer, names)


def _timers() -> list[str]:
    return [f.name for f in dataclasses.fields(Timing) if f.name != "overridden"]


def _plant(bench: Bench) -> Iterator[Complaint]:
    try:
        plug = connector(bench.connector)
    except ValueError as why:
        yield ("connector",), str(why)
    else:
        if not bench.ac and not plug.dc:
            yield ("connector",), f"{plug.name} has no DC contacts; use ac, or another connector"
    charger, vehicle = bench.charger, bench.vehicle
    if charger.power <= 0.0:
        taken = f"target-power: {charger.power:g} makes the car discharge"
        yield ("charger", "power"), f"the power class of the output is above 0 kW; {taken}"
    elif not bench.ac:
        try:
            rating(charger)
        except ValueError as why:
            yield ("charger", "power"), str(why)
    starts = [slot.start for slot in charger.schedule]
    if starts and (starts[0] != 0 or starts != sorted(set(starts))):
        yield ("charger", "schedule"), "the first start is 0, and each later than the one before"
    if not isinstance(vehicle.battery, Pack):
        try:
            pack(vehicle.battery)
        except ValueError as why:
            yield ("vehicle", "battery"), str(why)
    elif vehicle.battery.taper and (t := [soc for soc, _ in vehicle.battery.taper]) != sorted(set(t)):
        yield ("vehicle", "battery", "taper"), "each SoC is larger than the one before"
    if vehicle.evccid is not None and len(octets(vehicle.evccid)) != 6:
        yield ("vehicle", "evccid"), f"an EVCCID is 6 bytes, not {len(octets(vehicle.evccid))}"
    if not 1 <= len(octets(vehicle.session_id)) <= 8:
        yield ("vehicle", "session-id"), f"a session id is 1 to 8 bytes, not {len(octets(vehicle.session_id))}"
    yield from _error_code(vehicle.error_code, ("vehicle", "error-code"))
    for section, key in (("vehicle", "pauses"), ("charger", "delays")):
        for name in getattr(getattr(bench, section), key):
            if name != "default":
                yield from _message(name, (section, key, name), ending="Req")


def _error_code(code: str, path: Path) -> Iterator[Complaint]:
    known = get_args(iso2.DC_EVErrorCodeType)
    if code not in known:
        yield path, f"{code!r} is not an EVErrorCode{meant(code, known)}"


# ---------------------------------------------------------------------------------------------------------------
# Messages


def _message(name: str, path: Path, *, ending: str | tuple[str, str] = ("Req", "Res")) -> Iterator[Complaint]:
    if name not in message_names() or not name.endswith(ending):
        known = [n for n in message_names() if n.endswith(ending)]
        yield path, unknown("message", name, known)


def _timeline(bench: Bench) -> Iterator[Complaint]:
    for at, step in enumerate(bench.timeline):
        yield from action(step, bench.role, ("timeline", at))


def absent(step: Step, role: str) -> str | None:
    """The side that an action needs and a bench of that role lacks, in words; None: it has it."""
    side = acts_on(step)
    if role == "both" or not side or side == {"evcc": "vehicle", "secc": "charger"}[role]:
        return None
    if side == "cable":
        return "only a bench with role both has a cable of its own"
    return f"there is no {side} on a bench with role {role}"


def action(step: Step, role: str, path: Path = ()) -> Iterator[Complaint]:
    """What prevents an action from ever happening on a bench of that role."""
    if isinstance(step.at, str) and ":" not in step.at:
        yield from _message(step.at, (*path, "at"))
    elif not isinstance(step.at, str) and not step.at >= 0:
        yield (*path, "at"), f"{step.at:g} s is not possible"
    if (why := absent(step, role)) is not None:
        yield path, why
    if isinstance(step, Deviate):
        yield from _deviation(step.entry, path)
        if step.entry == Deviation(message=step.message):
            yield path, "delay, drop, set, replace, truncate or repeat is needed"
    if isinstance(step, Limit) and (step.max_voltage, step.max_current, step.max_power) == (None, None, None):
        yield path, "max-voltage, max-current or max-power is needed"
    if isinstance(step, SetPower) and isinstance(step.power, list):
        if step.by == "vehicle":
            yield (*path, "power"), "a curve works only for the charger's energy manager; the car takes one power"
        elif why := _curve(step.power):
            yield (*path, "power"), why
    if isinstance(step, SetNeeds):
        yield from _needs(step, path)
        if (step.departure, step.minimum, step.target) == (None, None, None):
            yield path, "departure, minimum or target is needed"
    if isinstance(step, Standby) and step.by == "charger" and not step.over:
        yield path, "a charger can only ask for the end of standby: over: true"
    if isinstance(step, Inject) and step.fault == "error":
        yield from _error_code(step.code, (*path, "code"))


def _needs(said: Needs | SetNeeds, path: Path) -> Iterator[Complaint]:
    if said.minimum is not None and said.target is not None and said.minimum > said.target:
        yield (*path, "minimum"), f"{said.minimum:g} % is above the target of {said.target:g} %"


def acts_on(step: Step) -> str:
    """``vehicle``, ``charger``, ``cable``, or "" for any."""
    by: str | None = getattr(step, "by", None)
    if by is not None:
        return by
    if isinstance(step, (Inject, Repair)):
        if step.fault is None:
            return ""
        if step.fault in CABLE_FAULTS:
            return "cable"
        return "vehicle" if step.fault in VEHICLE_FAULTS else "charger"
    if isinstance(step, Deviate):
        return "vehicle" if step.message.endswith("Req") else "charger"
    return _SIDES.get(type(step).__name__, "")


_SIDES = {
    "SetSoc": "vehicle",
    "SetTarget": "vehicle",
    "SetReactive": "charger",
    "Unplug": "",
    "Plug": "cable",
    "Derate": "charger",
    "Authorize": "charger",
}


def _deviations(bench: Bench) -> Iterator[Complaint]:
    for at, deviation in enumerate(bench.deviations):
        yield from _deviation(deviation, ("deviations", at))


def _deviation(deviation: Deviation, path: Path) -> Iterator[Complaint]:
    wrong = list(_message(deviation.message, (*path, "message")))
    yield from wrong
    try:
        occurrences(deviation.occurrence)
    except ValueError as why:
        yield (*path, "occurrence"), str(why)
    protocol = deviation.protocol
    if protocol is not None and protocol.lower() not in PROTOCOLS:
        yield (*path, "protocol"), unknown("protocol", protocol, PROTOCOLS)
        return
    if wrong:
        return
    if deviation.stream is not None and not 0 <= deviation.stream <= 0xFFFF:
        yield (*path, "stream"), "a payload type is 0 to 65535 (0xFFFF)"
    if deviation.set and deviation.replace is not None:
        yield (*path, "set"), "set and replace cannot be combined"
    classes = message_classes(deviation.message)
    if protocol is not None:
        name = PROTOCOLS[protocol.lower()]
        if name not in classes:
            yield (*path, "message"), f"{protocol} has no {deviation.message}"
            return
        classes = {name: classes[name]}
    for field, why_not in check_fields(classes, deviation.set):
        yield (*path, "set", field), why_not
    if isinstance(deviation.replace, dict) and len(deviation.replace) != 1:
        yield (*path, "replace"), "one message is needed: its name, or {name: fields}"
    elif deviation.replace is not None:
        name, fields = replacement(deviation.replace)
        found = list(_message(name, (*path, "replace")))
        yield from found
        others = {p: cls for p, cls in message_classes(name).items() if p in classes}
        if not found and not others:
            yield (*path, "replace"), f"no protocol with {deviation.message} has {name}"
        for field, why_not in check_fields(others, fields):
            yield (*path, "replace", name, field), why_not


def _tls(bench: Bench) -> Iterator[Complaint]:
    for side, section in (("vehicle", bench.vehicle.tls), ("charger", bench.charger.tls)):
        if section == TlsOptions():
            continue  # avoids importing cryptography
        try:
            security.options(section, bench)
        except SetupError as why:
            yield (side, "tls"), str(why).removeprefix("TLS options: ")


def _payment(bench: Bench) -> Iterator[Complaint]:
    try:
        scheme(bench.key_transport)
    except PkiError as why:
        yield ("key-transport",), str(why)
    codes = [code for code in get_args(iso2.responseCodeType) if refuses(code)]
    codes += sorted(code for code in CODES["AuthorizationRes"] if code.startswith("WARNING"))
    url = bench.charger.provisioning_url
    if url is not None and not url.startswith(("http://", "https://")):
        yield ("charger", "provisioning-url"), f"{url!r} is not an http:// or https:// address"
    for emaid, code in bench.charger.verdicts.items():
        if code not in codes:
            yield (
                ("charger", "verdicts", emaid),
                unknown("ResponseCode", code, codes),
            )
    for at, plan in enumerate(bench.charger.plans):
        for key, entries in (("schedule", plan.schedule), ("prices", plan.prices), ("discharge", plan.discharge)):
            starts = [entry.start for entry in entries]
            if starts and (starts[0] != 0 or starts != sorted(set(starts))):
                yield ("charger", "plans", at, key), "the first start is 0, and each later than the one before"
        for key, fees in (("fees", plan.fees), ("discharge-fees", plan.discharge_fees)):
            begins = [(fee.start, fee.above) for fee in fees]
            if begins and (begins[0] != (0, 0.0) or begins != sorted(set(begins))):
                yield ("charger", "plans", at, key), "the first start is 0, above 0 kW; then by time, and by power"
    for number in bench.vehicle.services:
        if not number.isdecimal():
            yield ("vehicle", "services", number), "a ServiceID is a number"
    for at, service in enumerate(bench.charger.services):
        for number in () if isinstance(service, str) else service.sets:
            if not number.removeprefix("-").isdecimal():
                yield ("charger", "services", at, "sets", number), "a ParameterSetID is a number"


def _contracts(bench: Bench) -> Iterator[Complaint]:
    """What a contract needs."""
    if bench.payment == "contract":
        if bench.pki is None:
            yield ("payment",), "a contract needs a PKI: pki is missing"
        if bench.tls == "none":
            yield ("payment",), "a contract needs TLS: tls is none"
    if bench.charger.provisioning_url is not None and bench.fast:
        yield ("charger", "provisioning-url"), "a service answers in real time; leave out fast"


def _files(bench: Bench) -> Iterator[Complaint]:
    """Files to read must exist."""
    named: list[tuple[Path, str | None]] = [((key,), getattr(bench, key)) for key in ("cert", "key", "roots")]
    if bench.mqtt is not None:
        for key in ("ca", "cert", "key", "password_file"):
            named.append((("mqtt", key.replace("_", "-")), getattr(bench.mqtt, key)))
    for path, value in named:
        if value is not None and not os.path.exists(value):  # noqa: PTH110 - `Path` is something else here
            yield path, f"no such file: {value}"


VALUES: tuple[Rule, ...] = (_files, _protocols, _slac, _payment, _plant, _energy_manager, _timeline, _deviations)
"""About single values, for the most part."""
TOGETHER: tuple[Rule, ...] = (_surroundings, _abilities, _pilot, _tls, _contracts, _transfer, _asked_needs)
"""About keys that belong together."""

__all__ = ["EmergencyStop", "broken"]
