"""What a timeline can do to a running bench, and how a message can be made to deviate: typed, one class per action.

The same actions come over MQTT as commands; there ``at`` may be left out, which means now.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0.0)]
Percent = Annotated[float, Meta(ge=0.0, le=100.0)]
Positive = Annotated[float, Meta(gt=0.0)]
File = Annotated[str, Meta(extra={"file": True})]
"""Relative to the bench file."""
Whole = Annotated[int, Meta(ge=0)]
Octets = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{2}\s*)*$")]
Side = Literal["vehicle", "charger"]
EnergyTransfer = Literal["AC", "AC_BPT", "DC", "DC_BPT", "MCS", "MCS_BPT"]

BOTH_WAYS: dict[EnergyTransfer, EnergyTransfer] = {"AC": "AC_BPT", "DC": "DC_BPT", "MCS": "MCS_BPT"}
"""The bidirectional service, by the one that only charges."""
PowerCurve = Annotated[list[tuple[Seconds, float]], Meta(min_length=1)]
"""Seconds and the kW from then on, the first at 0; below zero the vehicle gives."""

ChargerFault = Literal[
    "emergency",
    "malfunction",
    "shutdown",
    "utility-interrupt",
    "insulation",
    "insulation-warning",
    "output",
    "rcd",
    "contactor",
    "meter",
    "pilot-e",
    "pilot-f",
    "pilot-short",
]
VehicleFault = Literal["welded", "error"]
Fault = Literal[ChargerFault, VehicleFault]
"""All faults of both sides; welded and error are the vehicle's, pilot-short is in the cable."""


class Section(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab", omit_defaults=True
):
    """A mapping of the bench file; keys are the field names with hyphens."""


class Step(Section, kw_only=True, frozen=True, tag_field="do"):
    """When something is done.

    ``at`` is a time (seconds since the session began) or the name of an event: a message (``PreChargeReq``), or
    ``layer:name`` for any other event of a trace (``slac:CM_SLAC_MATCH.CNF``). The action takes place before a request
    leaves the vehicle, and before the charger answers it. What was changed or broken stays so in the next session too.

    A session begins when the connection is made; a vehicle's, when it starts to look for the charger; one without
    messages, when SLAC is given up for the nominal duty. Plug-in and SLAC come before it: ``at: pilot:B2`` with
    ``after: 0.5`` is half a second after the 5 % duty. There, ``unplug``, the vehicle's ``emergency-stop`` and its
    ``stop`` end the matching.
    """

    at: Annotated[float | str, Meta(description="seconds since the session began, or a message's name")] = 0.0
    occurrence: Annotated[int, Meta(ge=1, description="which message of that name")] = 1
    after: Annotated[Seconds, Meta(description="seconds later than that")] = 0.0


class SetSoc(Step, tag="soc", kw_only=True, frozen=True):
    """Changes the battery's state of charge."""

    percent: Annotated[Percent, Meta(description="new state of charge, %")]


class SetTarget(Step, tag="target", kw_only=True, frozen=True):
    """Changes where charging ends."""

    percent: Annotated[Percent, Meta(description="new target, %")]


class Limit(Step, tag="limit", kw_only=True, frozen=True):
    """Sets limits; those not given stay as they are."""

    by: Annotated[Side, Meta(description="whose limits")] = "charger"
    max_voltage: Annotated[Positive | None, Meta(description="V")] = None
    max_current: Annotated[Positive | None, Meta(description="A; per phase in AC")] = None
    max_power: Annotated[Positive | None, Meta(description="kW")] = None


class Derate(Step, tag="derate", kw_only=True, frozen=True):
    """Reduces the charger's current and power to a part of the rating, as overheating does."""

    percent: Annotated[Percent, Meta(description="of the rating; 100 restores it")]


class SetPower(Step, tag="power", kw_only=True, frozen=True):
    """Changes the power wanted (ISO 15118-20): by the charger's energy manager in dynamic mode, by the car otherwise.

    The change remains for later sessions.
    """

    by: Annotated[Side, Meta(description="who wants it")] = "charger"
    power: Annotated[
        float | PowerCurve | None,
        Meta(
            description="kW; negative: the vehicle discharges; or the charger's curve from now, [[0, 11], [60, -10]];"
            " by default the value of charger.target-power or vehicle.wanted-power"
        ),
    ] = None


class SetNeeds(Step, tag="needs", kw_only=True, frozen=True):
    """Changes mobility needs (ISO 15118-20), at the car or at the charger (with charger.needs); the rest stays."""

    by: Annotated[Side, Meta(description="who is told")] = "vehicle"
    departure: Annotated[Whole | None, Meta(description="seconds from now until departure")] = None
    minimum: Annotated[Percent | None, Meta(description="lowest acceptable state of charge, %")] = None
    target: Annotated[Percent | None, Meta(description="state of charge at departure, %")] = None


class Inject(Step, tag="fault", kw_only=True, frozen=True):
    """Injects a fault.

    The charger's: ``emergency`` and ``malfunction`` (output off at once), ``shutdown`` and ``utility-interrupt`` (the
    vehicle may ramp down), ``insulation`` (a leak) and ``insulation-warning`` (100 to 500 ohm/V), ``output`` (the power
    stack breaks), ``rcd`` and ``contactor`` (AC), ``meter`` (the register stands still), ``pilot-e`` and ``pilot-f``.
    In the cable: ``pilot-short``. The vehicle's: ``welded`` contactors, ``error`` (an EVErrorCode).
    """

    fault: Annotated[Fault, Meta(description="what breaks")]
    code: Annotated[str, Meta(description="with fault: error, the EVErrorCode to report")] = "FAILED_EVRESSMalfunction"


class Repair(Step, tag="repair", kw_only=True, frozen=True):
    """Clears a fault."""

    fault: Annotated[Fault | None, Meta(description="which; by default all")] = None


class EmergencyStop(Step, tag="emergency-stop", kw_only=True, frozen=True):
    """Somebody presses the emergency button, or the vehicle disconnects at once."""

    by: Annotated[Side, Meta(description="on which side")] = "charger"


class Stop(Step, tag="stop", kw_only=True, frozen=True):
    """An orderly end: the driver's stop button, or the charger asks the vehicle to stop."""

    by: Annotated[Side, Meta(description="who wants it")] = "vehicle"
    max_delay: Annotated[int, Meta(ge=0, le=65535, description="if the charger wants it: NotificationMaxDelay, s")] = 0


class Pause(Step, tag="pause", kw_only=True, frozen=True):
    """The vehicle pauses the session, or the charger asks it to (ISO 15118-20)."""

    by: Annotated[Side, Meta(description="who wants it")] = "vehicle"
    max_delay: Annotated[int, Meta(ge=0, le=65535, description="if the charger wants it: NotificationMaxDelay, s")] = 60


class Standby(Step, tag="standby", kw_only=True, frozen=True):
    """No power for a while, with the session and the contactors as they are (ISO 15118-20).

    The vehicle enters and leaves it; a charger can only ask for its end.
    """

    over: Annotated[bool, Meta(description="true: it ends")] = False
    by: Annotated[Side, Meta(description="who wants it; the charger can only ask for its end")] = "vehicle"
    max_delay: Annotated[int, Meta(ge=0, le=65535, description="if the charger wants it: NotificationMaxDelay, s")] = 0


class ChangeService(Step, tag="another-service", kw_only=True, frozen=True):
    """Service renegotiation (ISO 15118-20): power off, and on in the same session with another service or mode."""

    by: Annotated[Side, Meta(description="who wants it; the car selects the service given last, or the same again")] = (
        "vehicle"
    )
    service: Annotated[EnergyTransfer | None, Meta(description="the service that the car then selects")] = None
    control: Annotated[
        Literal["any", "scheduled", "dynamic"] | None, Meta(description="and who then decides on power")
    ] = None
    max_delay: Annotated[int, Meta(ge=0, le=65535, description="if the charger wants it: NotificationMaxDelay, s")] = 0


class SetReactive(Step, tag="reactive-power", kw_only=True, frozen=True):
    """Changes the reactive power that an AC charger wants (ISO 15118-20)."""

    power: Annotated[float | None, Meta(description="kVAr over all phases; leave it out to request none")] = None


class Wake(Step, tag="wake", kw_only=True, frozen=True):
    """Somebody ends a pause: the car by B-C-B, the charger by its duty.

    The timeline of a vehicle that sleeps runs on in a pause. That of a charger alone ends with the session: use MQTT.
    """

    by: Annotated[Side, Meta(description="who wakes the other")] = "vehicle"


class Renegotiate(Step, tag="renegotiate", kw_only=True, frozen=True):
    """Somebody wants new parameters (ISO 15118-2), or another schedule (ISO 15118-20)."""

    by: Annotated[Side, Meta(description="who wants it")] = "charger"
    max_delay: Annotated[int, Meta(ge=0, le=65535, description="if the charger wants it: NotificationMaxDelay, s")] = 0


class Unplug(Step, tag="unplug", kw_only=True, frozen=True):
    """Somebody pulls the plug, whatever the state of the session."""


class Plug(Step, tag="plug", kw_only=True, frozen=True):
    """Somebody plugs in again."""


class Authorize(Step, tag="authorize", kw_only=True, frozen=True):
    """The customer's card is shown (charger with ``authorization: customer``)."""

    accept: Annotated[bool, Meta(description="false: the card is refused")] = True


class Deviate(Step, tag="deviate", kw_only=True, frozen=True):
    """Makes the next message of a name deviate; ``deviations`` in a bench file change every such message."""

    message: Annotated[str, Meta(description="name of the message, e.g. PreChargeReq")]
    delay: Annotated[Seconds, Meta(description="seconds to wait before it is sent")] = 0.0
    drop: Annotated[bool, Meta(description="send nothing")] = False
    set: Annotated[
        dict[str, Any], Meta(description="fields by dotted name (DC_EVStatus.EVRESSSOC) and what they become")
    ] = {}
    replace: Annotated[str | None, Meta(description="another message, by its name")] = None
    truncate: Annotated[int, Meta(ge=0, description="cut this many bytes off the end of the EXI")] = 0
    repeat: Annotated[int, Meta(ge=1, le=100, description="send the frame this many times")] = 1

    @property
    def entry(self) -> Deviation:
        """The same in the form of a deviation in a bench file."""
        return Deviation(
            message=self.message, delay=self.delay, drop=self.drop, set=self.set, replace=self.replace,
            truncate=self.truncate, repeat=self.repeat,
        )  # fmt: skip


Action = (
    SetSoc
    | SetTarget
    | Limit
    | Derate
    | SetPower
    | SetNeeds
    | Inject
    | Repair
    | EmergencyStop
    | Stop
    | Pause
    | Standby
    | ChangeService
    | SetReactive
    | Wake
    | Renegotiate
    | Unplug
    | Plug
    | Authorize
    | Deviate
)


def describe(action: Step) -> str:
    """An action in one line: its word and its non-default values, without its trigger."""
    fields = msgspec.to_builtins(action)
    del fields["do"]
    trigger = ("at", "occurrence", "after")
    words = [f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in fields.items() if k not in trigger]
    return " ".join([str(action.__struct_config__.tag), *words])


class Deviation(Section, kw_only=True, frozen=True):
    """What is done to a message on its way out. Requests are the vehicle's, responses the charger's.

    In this order: ``delay``, then ``replace`` or ``set``, ``signature``, ``exi``, ``truncate``, ``frame``, ``stream``,
    ``repeat``; ``drop`` sends nothing.
    """

    message: Annotated[str, Meta(description="name of the message, e.g. PreChargeReq")]
    occurrence: Annotated[
        int | str, Meta(description="which one in a session: 3, '3-5', '3-' for all from the third on, or 'all'")
    ] = "all"
    protocol: Annotated[
        str | None, Meta(description="only in this protocol; by default in every protocol that has the message")
    ] = None
    delay: Annotated[Seconds, Meta(description="seconds to wait before it is sent")] = 0.0
    set: Annotated[
        dict[str, Any],
        Meta(description="fields by dotted name (DC_EVStatus.EVRESSSOC) and what they become; null removes one"),
    ] = {}
    replace: Annotated[
        str | dict[str, Any] | None, Meta(description="another message: its name, or {name: fields}")
    ] = None
    signature: Annotated[
        Literal["absent", "digest", "value", "earlier"] | None,
        Meta(
            description="the Signature in its header: missing, with a wrong digest or value, or copied from the "
            "first such message of the bench"
        ),
    ] = None
    exi: Annotated[Octets | None, Meta(description="these bytes (hex) as EXI")] = None
    frame: Annotated[Octets | None, Meta(description="these bytes (hex) as the V2GTP frame")] = None
    stream: Annotated[
        int | None,
        Meta(
            description="payload type of its frame instead of its own, 0 to 65535: 0x8101 is schedule renegotiation,"
            " 0x8104 parking (ISO 15118-20)"
        ),
    ] = None
    truncate: Annotated[int, Meta(ge=0, description="cut this many bytes off the end of the EXI")] = 0
    repeat: Annotated[int, Meta(ge=1, le=100, description="send the frame this many times")] = 1
    drop: Annotated[bool, Meta(description="send nothing")] = False
    habit: Annotated[bool, Meta(description="do not report it each time it happens")] = False
