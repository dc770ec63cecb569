"""What the tester does in cases that a script carries out: they have no steps that could tell it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from plugfest.conformance.catalogue import phrases

ANSWERS = "answers {request} with "

DOES: Mapping[str, str] = {
    "EVCC_WrongAnswer": f"{ANSWERS}a response of another type",
    "EVCC_AnyFailed": f"{ANSWERS}a FAILED code",
    "EVCC_StaleSession": f"{ANSWERS}a session id that is {{id}}",
    "EVCC_BrokenRule": "sends {response}",
    "EVCC_BrokenRule_Service": "sends {response}",
    "EVCC_AlarmBeforePower": f"{ANSWERS}an alarm, which lasts from then on",
    "EVCC_Danger": "{danger}",
    "EVCC_ServiceSelected": "offers one service",
    "EVCC_Misfit": "offers {offer}",
    "EVCC_RequestContent": "reads each request of a session",
    "SECC_WrongRequest": "sends a request that is not due",
    "SECC_SkippedStep": "sends {send}, and leaves out what is due",
    "SECC_OngoingIgnored": "sends the next request although the answer was Ongoing",
    "SECC_BrokenRule": "sends {request}",
    "SECC_VehicleError": "reports an error of the vehicle",
    "SECC_RCD": "lets the RCD trip",
    "SECC_ForeignContract": "pays with {contract}",
    "SECC_ContractForms": "pays with {contract}",
    "SECC_NoReceipt": "goes on with the loop instead of sending the receipt",
    "SECC_SAP_Priority": "offers both protocols, {first} with Priority 1 and listed {listed}",
    "SECC_Patience": "waits before it sends the next request",
    "SECC_ChallengeFresh": "pays by contract, in two sessions",
    "SECC_Pause": "pauses, and wakes up {wake}",
}
"""Role and family in the id of a case -> what the tester does, with values of the variant."""


def _in(table: Mapping[str, str]) -> Callable[[str], str]:
    return lambda name: table.get(name, name)


WORDS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "response": ("rule", _in(phrases.BROKEN_RESPONSES)),
    "request": ("rule", _in(phrases.BROKEN_REQUESTS)),
    "danger": ("what", _in(phrases.DANGERS)),
    "contract": ("contract", lambda name: phrases.certificate("contract", name)),
}
"""What stands in those words instead of a value of the variant: the value's name, and its words."""

STATE = ("state", "after")
"""Names of variants for where a session stands."""


def does(case: str, variant: Mapping[str, object]) -> str:
    """What the tester does in a case without steps; "" where the catalogue tells it."""
    parts = case.split("_")
    role, name = "".join(parts[1:2]), parts[3:]
    for length in range(len(name), 0, -1):
        words = DOES.get("_".join((role, *name[:length])))
        if words is not None:
            return words.format_map(_worded(variant))
    return ""


def _worded(variant: Mapping[str, object]) -> Mapping[str, object]:
    """The values of a variant, and words for some of them."""
    told = {key: words(str(variant[name])) for key, (name, words) in WORDS.items() if name in variant}
    return {**variant, **told}


def anywhere(variant: Mapping[str, object]) -> bool:
    """Whether a variant says at which message something happens, or in which it is wrong, so that no state is told."""
    return "request" in variant or "rule" in variant


def stands(variant: Mapping[str, object]) -> str:
    """The state that a variant names; "": none."""
    return next((str(variant[name]) for name in STATE if name in variant), "")
