"""Makes a PICS file by asking the questions that switch most cases, each with its choices and its default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from plugfest.conformance.catalogue.pics import DEFAULTS, Pics


@dataclass(frozen=True)
class Question:
    """One value to declare; empty ``choices`` mean a number."""

    name: str
    text: str
    choices: tuple[Any, ...] = ()


_YES = (True, False)
COMMON = (
    Question("PICS_CMN_CMN_ChargingMode", "AC or DC?", ("dC", "aC")),
    Question("PICS_CMN_CMN_IdentificationMode", "External payment or contract?", ("eIM", "pnC")),
    Question("PICS_CMN_CMN_CombinedTesting", "SLAC and V2G together (needed by pause cases)?", _YES),
    Question("PICS_CMN_CMN_Renegotiation", "Try renegotiation?", _YES),
)
SECC = (
    Question("PIXIT_SECC_CMN_TLS", "Does the charger use TLS?", _YES),
    Question("PIXIT_SECC_CMN_VAS", "Value-added services?", ("none", "serviceDetail")),
    Question("PICS_SECC_CMN_Pause", "Can it pause and resume sessions?", _YES),
    Question("PICS_SECC_CMN_EIMDone", "When does somebody authorise?",
             ("beforePlugin", "afterPlugin", "duringSlac", "v2gAuthorization")),
    Question("PICS_SECC_CMN_DepartureTime", "Send a departure time?", _YES),
    Question("PICS_SECC_CMN_MaxEntriesSAScheduleTuple", "Limit the entries of schedules?", _YES),
    Question("PICS_SECC_DC_WeldingDetection", "DC: do welding detection?", _YES),
    Question("PIXIT_SECC_CMN_SalesTariff", "Does it send sales tariffs?", ("unknown", "salesTariff")),
    Question("PIXIT_SECC_CMN_ReceiptRequired", "Does it ask for receipts?", _YES),
    Question("PIXIT_SECC_CMN_MeterInfo", "Does it send MeterInfo?", ("unknown", "meterInfo")),
    Question("PIXIT_SECC_CMN_CertificateHandling", "Does it install or update contracts?",
             ("none", "certInstall", "certUpdate")),
    Question("PIXIT_CMN_CMN_WakeUp", "After how many seconds of a pause does it wake up by itself?"),
)  # fmt: skip
EVCC = (
    Question("PIXIT_EVCC_CMN_TLS", "Does the vehicle use TLS?", ("unknown", "none", "tls")),
    Question("PIXIT_EVCC_CMN_VAS", "Does it ask for value-added services?", ("unknown", "none", "serviceDetail")),
    Question("PIXIT_EVCC_CMN_Pause", "Does it pause sessions?", ("unknown", "none", "pause")),
    Question("PIXIT_EVCC_DC_WeldingDetection", "Does it do welding detection?",
             ("unknown", "none", "weldingDetection")),
)  # fmt: skip


def questions(sut: str) -> Sequence[Question]:
    """The questions for a charger (secc) or a vehicle (evcc) under test."""
    return (*COMMON, *(SECC if sut == "secc" else EVCC))


def ask(sut: str, read: Callable[[str], str], say: Callable[[str], None]) -> Pics:
    """Repeats each question until the answer is valid; an empty answer takes the default.

    Args:
        read: prompts and reads a line; on EOFError the remaining questions take their defaults.
    """
    declared: dict[str, Any] = {}
    for question in questions(sut):
        default = DEFAULTS[question.name]
        shown = "/".join(_word(choice) for choice in question.choices) or "number"
        while True:
            try:
                answer = read(f"{question.text} [{shown}] ({_word(default)}) ").strip()
            except EOFError:
                return Pics(declared)
            if not answer:
                declared[question.name] = default
                break
            value = understood(question, answer)
            if value is not None:
                declared[question.name] = value
                break
            say(f"  {answer!r}? Say one of {shown}.")
    return Pics(declared)


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def understood(question: Question, answer: str) -> Any:
    """The value of an answer, or None if it is invalid."""
    if not question.choices:
        return float(answer) if answer.replace(".", "", 1).isdigit() else None
    if isinstance(question.choices[0], bool):
        return {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}.get(answer.lower())
    found = [choice for choice in question.choices if str(choice).lower().startswith(answer.lower())]
    exact = [choice for choice in found if str(choice).lower() == answer.lower()]
    return (exact or found or [None])[0] if len(exact or found) == 1 else None
