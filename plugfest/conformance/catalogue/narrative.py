"""A run in words, as its verdict begins: where the session stood, and what the tester did there.

``CableCheckReq withheld. After ChargeParameterDiscovery, the tester stays silent for V2G_SECC_Sequence_Timeout (60 s)``
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from boundary.text import capital
from plugfest.conformance.catalogue import Case, Run, durations, phrases, scripted
from plugfest.conformance.catalogue.steps import DIGITS, Step, Steps, in_hex, other_members, value_text
from plugfest.conformance.verdict import NotExecutable

STEPS = 4
"""Maximum number of stimulus steps in a sentence; further ones are in the report."""

LADDERS = ("P.", "PC.", "PE.", "PD.", "PDE.", "P20.", "P20E.", "SP.")
"""Prefixes of preconditions; what follows is the state."""

STATES = {
    "LINK": "once the link is up",
    "SDP": "after SDP",
    "TCP": "once connected",
    "SAP": "after supportedAppProtocol",
    "ChargeLoop": "in the charge loop",
    "ChargingLoop": "in the charge loop",
    "ChargingLoop.Stop": "at the end of the charge loop",
    "ChargingLoop.Renegotiate": "in a charge loop that is to be renegotiated",
    "ChargingStatus.ReceiptRequired": "after a ChargingStatusRes that requires a receipt",
    "CurrentDemand.ReceiptRequired": "after a CurrentDemandRes that requires a receipt",
    "Renegotiation": "after PowerDelivery(Renegotiate)",
    "FullSession": "after a complete session",
    "Metering": "in a charge loop that asks for a metering confirmation",
    "Standby": "in standby",
    "Paused": "in a paused session",
    "Resumed": "in a resumed session",
    "Resumed.EV": "in a session resumed by the vehicle",
    "Resumed.EVSE": "in a session resumed by the charger",
    "AnotherService": "after SessionStop(ServiceRenegotiation)",
    "CP_A": "before plugging in",
    "CP_B": "in pilot state B",
    "CP_C": "in pilot state C",
    "CP_D": "in pilot state D",
    "PARM": "after CM_SLAC_PARM.CNF",
    "ATTEN": "after CM_ATTEN_CHAR.RSP",
    "VALIDATE": "after the validation",
    "MATCH": "after CM_SLAC_MATCH.CNF",
    "AMPMAP": "after the exchange of amplitude maps",
    "PAUSED": "in a paused session",
    "TERMINATED": "after a terminated session",
    "EV_CP_B": "in pilot state B",
    "EV_PARM": "after CM_SLAC_PARM.REQ",
    "EV_ATTEN": "after CM_ATTEN_CHAR.RSP",
    "EV_VALIDATE": "after the validation",
    "EV_MATCHREQ": "after CM_SLAC_MATCH.REQ",
    "EV_LINK": "once the link is up",
    "EV_PAUSED": "in a paused session",
    "EV_TERMINATED": "after a terminated session",
}
"""Where the session stands; other states are messages: ``after SessionSetup``."""

WITHIN = {
    "Resumed.EVSE": " of a session resumed by the charger",
    "Resumed.EV": " of a session resumed by the vehicle",
    "Resumed": " of a resumed session",
    "Renegotiation": " of a renegotiation",
    "AnotherService": " of another service",
}
"""States that a message can follow: ``Resumed.Authorization``."""


EITHER = "AC: first, DC: second"
"""The setup of a case with a precondition for each energy."""

PRE_CHARGE = "DC_PreCharge"
"""What comes before PowerDelivery; with AC, that is ScheduleExchange."""

EXPECTED = ("ev", "then", "tls", "not_before")
"""Names of variants that say what is expected."""


def state(precondition: str) -> str:
    """``PC.PowerDelivery.Start`` -> ``after PowerDelivery(Start)``."""
    name = next((precondition.removeprefix(one) for one in LADDERS if precondition.startswith(one)), precondition)
    if name in STATES:
        return STATES[name]
    for first, words in WITHIN.items():
        if name.startswith(f"{first}."):
            return f"after {_message(name.removeprefix(f'{first}.'))}{words}"
    return f"after {_message(name)}"


def _message(name: str) -> str:
    """``PowerDelivery.Start`` -> ``PowerDelivery(Start)``."""
    first, dot, rest = name.partition(".")
    return f"{first}({rest})" if dot else first


def done(run: Run) -> str:
    """What a run does, in words: its title, the state, then the first steps of its stimulus."""
    where = state(named) if (named := scripted.stands(run.variant)) else ""
    sentence = course(run.case, run.steps[0], STEPS, stands=where) if run.steps[0] else _scripted(run)
    unsaid = _unsaid(run.variant, sentence)
    if where and where in sentence[:1].lower() + sentence[1:]:
        unsaid = {key: value for key, value in unsaid.items() if key not in scripted.STATE}
    title = replace(run, variant=unsaid).title
    return f"{title}. {sentence}" if sentence else title


def _scripted(run: Run) -> str:
    """The state, then what the tester does, where a script does it."""
    did, where = scripted.does(run.case.id, run.variant), scripted.stands(run.variant)
    stands = "" if scripted.anywhere(run.variant) else state(where) if where else _stands(run.case)
    return capital(", ".join(filter(None, (stands, f"the tester {did}" if did else ""))))


def course(case: Case, stimulus: Steps, most: int | None = None, *, stands: str = "") -> str:
    """The state, then what the tester does, in one sentence.

    Args:
        most: number of steps that are told; None: all.
        stands: the state, where a variant names another one than the case.
    """
    steps, before = [], ""
    for step in stimulus[:most]:
        steps.append(_told(step, before))
        before = str(step.get("send", before))
    did = ", then ".join(steps) + (", and so on" if len(steps) < len(stimulus) else "")
    stands = stands or ("" if _later(case, stimulus) else _stands(case))
    sentence = ", ".join(filter(None, (stands, f"the tester {did}" if did else "")))
    return f"{sentence[:1].upper()}{sentence[1:]}"


def _later(case: Case, stimulus: Steps) -> bool:
    """Whether the stimulus waits, in a session that only begins where the case does, for any message but the first."""
    first = stimulus[0] if stimulus else {}
    message = str(first.get("reply") or first.get("of") or first.get("await", ""))
    begins = [one.rpartition(".")[2] for one in case.preconditions] == ["SAP"]
    return begins and message.endswith(("Req", "Res")) and not message.startswith("SessionSetupRe")


def _stands(case: Case) -> str:
    """Where the session stands, with what is special about it."""
    if case.preconditions and case.preconditions[0].endswith(f".{PRE_CHARGE}") and case.mode.energy != "dc":
        before = case.preconditions[0].replace(PRE_CHARGE, "ScheduleExchange")
        setup = EITHER if case.mode.energy == "any" else case.setup
        return _stands(replace(case, preconditions=(before, *case.preconditions), setup=setup))
    if case.setup == EITHER:
        ac, dc = map(state, case.preconditions)
        return f"{ac} (AC) or {dc.removeprefix('after ')} (DC)"
    stands = " ".join(map(state, case.preconditions[:1]))
    if not case.setup or case.setup.endswith("REQ received"):
        return stands
    return (
        f"{stands}, {case.setup}" if case.setup.startswith(("with", "after", "because")) else f"{stands} ({case.setup})"
    )


def _unsaid(variant: Mapping[str, Any], sentence: str) -> dict[str, Any]:
    """What a variant sets, without what a sentence says already, and without what is expected."""

    def said(value: Any) -> bool:
        if isinstance(value, dict):
            return all(map(said, value.values()))
        return re.search(rf"(?<!\w){re.escape(value_text(value))}(?!\w)", sentence) is not None

    def told(key: str, value: Any) -> bool:
        if any(words in sentence for words in phrases.of_variant(key, value)):
            return True
        if key in DIGITS and str(in_hex({key: value})[key]) in sentence:
            return True
        return key in QUALIFIERS and _qualified(key, value) in sentence

    return {
        key: value for key, value in variant.items() if key not in EXPECTED and not said(value) and not told(key, value)
    }


def _told(step: Step, before: str) -> str:
    """A step as what the tester does.

    Args:
        before: the message that it sent last.
    """
    if "while" in step:
        again = step.get("do", {}).get("send", before) == before
        what = "repeats it" if again else f"sends {step['do']['send']}"
        most = f", for at most {lasting(step['max'])}" if "max" in step else ""
        return f"{what} while {_condition(str(step['while']))}{most}"
    if "for_each" in step:
        return f"sends {step['do']['send']} for each {step['for_each']}"
    verb = next(iter(step))
    if verb == "from":
        rest = {key: value for key, value in step.items() if key != "from"}
        return f"{_told(rest, before)} from a {step['from']}"
    if verb == "of":
        return f"sends {step['of']} with bad EXI ({step['reply_bytes']})"
    tell = VERBS.get(verb, lambda value: f"{verb.replace('_', ' ')}: {value_text(value)}")
    others = (key for key in sorted(step, key=lambda key: key == "fields") if key != verb)
    return " ".join(joined(filter(None, (tell(step[verb]), *(_qualified(key, step[key]) for key in others)))))


def joined(words: Iterable[str]) -> Iterator[str]:
    """Qualifiers one after the other: a second ``with`` becomes an ``and``."""
    said = False
    for text in words:
        yield f"and {text.removeprefix('with ')}" if said and text.startswith("with ") else text
        said = said or text.startswith("with ")


def _qualified(key: str, value: Any) -> str:
    """What one of the other keys of a step says."""
    return QUALIFIERS[key](value) if key in QUALIFIERS else f"({key.replace('_', ' ')} {value_text(value)})"


def _condition(text: str) -> str:
    """``EVSEProcessing == Ongoing`` -> ``EVSEProcessing is Ongoing``."""
    if " " not in text:
        return f"the answer is {text}"
    if " == " in text:
        return text.replace(" == ", " is ")
    return f"{'' if text[0].isupper() else 'the '}{text.replace(' not ', ' is not ', 1)}"


def lasting(text: str) -> str:
    """A time by its name and in seconds."""
    if "(" in text or not _is_time(text):
        return text
    seconds = f"{durations.seconds(text):g} s"
    return text if seconds == text else f"{text} ({seconds})"


def _is_time(text: str) -> bool:
    try:
        return durations.seconds(text) > 0
    except NotExecutable:
        return False


def _sent(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"sends {value.get('message', value_text(value))}"
    return f"sends {', '.join(value) if isinstance(value, list) else value}"


def _replied(value: Any) -> str:
    if isinstance(value, Mapping):
        answer = value["answer"]
        return (
            f"does not answer {value['request']}" if answer == "none" else f"answers {value['request']} with {answer}"
        )
    text = str(value)
    if text.startswith("good case"):
        return f"answers as in the {text}"
    if text.startswith("as "):
        return f"answers {text}"
    return f"sends {text}"


def _waited(value: Any) -> str:
    text = str(value)
    return f"waits for the {text}" if text == "request" else f"waits for {lasting(text)}"


def _silent(value: Any) -> str:
    text = str(value)
    return f"stays silent for {lasting(text)}" if _is_time(text) else f"withholds {text}"


def _piloted(value: Any) -> str:
    text = str(value)
    if text.endswith(" (unchanged)"):
        return f"leaves the pilot in {text.removesuffix(' (unchanged)')}"
    if text.startswith("oscillator off"):
        return f"turns the {text}"
    return f"makes {text}" if "toggle" in text else f"sets the pilot to {text}"


def _secured(value: Any) -> str:
    text = str(value)
    return f"connects over TLS {text}" if text[:1].isdigit() else "connects over TLS"


def _served(value: Any) -> str:
    words = (
        next((str(item) for key, item in value.items() if key != "tls"), "") if isinstance(value, Mapping) else value
    )
    return f"acts as a TLS server {phrases.SERVERS.get(str(words), f'({words})')}"


def _bytes(value: Any) -> str:
    return f"sends {value.get('payload', value_text(value)) if isinstance(value, Mapping) else value}"


VERBS: Mapping[str, Callable[[Any], str]] = {
    "send": _sent,
    "reply": _replied,
    "reply_always": lambda value: f"always sends {value}",
    "await": lambda value: f"waits for {value}",
    "wait": _waited,
    "silent": _silent,
    "cp": _piloted,
    "cp_duty": lambda value: f"sets the duty to {value}",
    "cp_fault": lambda value: f"has somebody {phrases.PILOT_FAULTS.get(value, value)}",
    "tcp": lambda value: {"FIN": "closes TCP", "RST": "resets TCP"}.get(str(value), f"breaks TCP ({value})"),
    "tls": _secured,
    "tls_server_certificate": _served,
    "operator": lambda value: f"has somebody {phrases.can(value)}",
    "trigger": lambda value: phrases.ASKS.get(value) or f"has somebody {phrases.can_at_vehicle(value)}",
    "reply_bytes": lambda value: f"sends bad bytes ({value})",
    "send_bytes": _bytes,
    "link_cut": lambda value: f"cuts the link ({value})",
    "set_key": lambda value: f"sets its keys ({value})",
    "connect": lambda value: f"connects ({value})",
    "count": lambda value: f"counts {value}",
    "observe": lambda value: f"observes {value}",
    "repeat": lambda value: f"repeats a {value}",
    "hold": lambda value: f"holds on: {value}",
    "do": lambda value: f"goes through {value}",
    "delay_all": lambda value: f"delays each answer {value}",
    "restart": lambda value: f"repeats the {value}",
    "note": lambda value: f"does so: {value}",
}
"""What the tester does for each verb of a stimulus."""


FIELDS = 3
"""Maximum number of fields in a sentence."""

_NAMELESS = ("res", "list", "like")
"""Keys that stand for the whole content."""


def _fields(value: Any) -> str:
    """``with EVTargetVoltage 440 V and EVTargetCurrent 20 A``."""
    if not isinstance(value, Mapping):
        text = str(value)
        return f"with valid fields{text.removeprefix('valid')}" if text.startswith("valid") else f"with {text}"
    told = [_field(key, item) for key, item in value.items() if key not in (*EXPECTED, "code")]
    if len(told) > FIELDS:
        return f"with {', '.join(told[:FIELDS])} and more"
    return f"with {' and '.join(filter(None, (', '.join(told[:-1]), told[-1])))}" if told else ""


def _field(key: str, value: Any) -> str:
    if str(value).startswith(("PICS_", "PIXIT_")):
        return f"{key} as declared"
    if (words := phrases.field(key, value)) is not None:
        return words
    if isinstance(value, Mapping):
        value = {name: item for name, item in value.items() if name not in EXPECTED}
        if key == "like" and set(value.values()) == {"other"}:
            return other_members(value)
        if len(value) == 1:
            name, item = next(iter(value.items()))
            return f"{key} {value_text(item)}" if name in _NAMELESS else f"{name} {value_text(item)}"
    text = "valid contents" if value == "valid" and key in _NAMELESS else value_text(value)
    return text if key in _NAMELESS else f"{key} {text}"


def _offered(value: Any) -> str:
    entries = value if isinstance(value, list) else [value]
    names = [one.get("ProtocolNamespace", value_text(one)) if isinstance(one, Mapping) else one for one in entries]
    return f"offering {', '.join(map(str, names[:FIELDS]))}{' and more' if len(names) > FIELDS else ''}"


def _repeated(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"up to {value['max']} times, every {lasting(str(value['every']))},"
    return f"(repeated: {value})"


def _repeatedly(value: Any) -> str:
    if str(value) == "operator choice":
        return "as often as the operator chooses"
    return f"{value} times"


_SESSIONS = {
    "current": "", "zero": "with an all-zero session id", "previous": "with the session id of the paused session",
    "random_other": "with another session id",
}  # fmt: skip

QUALIFIERS: Mapping[str, Callable[[Any], str]] = {
    "code": lambda value: " or ".join(map(str, value)) if isinstance(value, list) else str(value),
    "session_id": lambda value: _SESSIONS.get(str(value), f"with session id {value}"),
    "fields": _fields,
    "change": lambda value: f"with {value_text(value)}",
    "v2gtp": lambda value: f"with V2GTP {_fields(in_hex(value)).removeprefix('with ')}",
    "stamp": lambda value: f"with TimeStamp {value}",
    "signature": lambda value: f"with the signature '{value}'",
    "offers": _offered,
    "repeat": _repeated,
    "state_duration": lambda value: f"of {lasting(str(value))} each",
    "instead_of": lambda value: f"instead of {value}",
    "stream": lambda value: f"on the {value} stream",
    "delay": lambda value: f"after {lasting(str(value))}",
    "to": lambda value: f"to {value}",
    "times": _repeatedly,
    "every": lambda value: f"every {lasting(str(value))}" if _is_time(str(value)) else str(value),
    "after": lambda value: f"after {value}",
    "for": lambda value: f"for {lasting(str(value))}",
    "framing": lambda value: f"in pieces ({value})",
    "when": lambda value: f"({value})",
    "note": lambda value: f"({value})",
    "variant": lambda value: "",
    "other_header_fields": lambda value: "",
}
"""What is said about a step besides its verb; a variant is in the title."""
