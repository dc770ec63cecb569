"""A case in words: all that the catalogue says about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from plugfest.conformance.catalogue import Case, words
from plugfest.conformance.catalogue.steps import step_text, value_text
from plugfest.conformance.evcc.scripts import SCRIPTS as OF_VEHICLES
from plugfest.conformance.secc.scripts import SCRIPTS as OF_CHARGERS

_UNDER_TEST = {
    "secc": "charger (secc)", "evcc": "vehicle (evcc)", "pair": "vehicle and charger, as they work together (pair)"
}  # fmt: skip
_FIT = {
    "emulator": "either side may be plugfest", "hardware": "needs real equipment on both sides",
    "other": "needs a back end: OCPP, revocation lists, OCSP",
}  # fmt: skip
_PILOT = {"CAP.CP", "CAP.CPBCB", "CAP.CPSRC"}
_HARDWARE = {
    "CAP.CPFAULT": "faults of the pilot cable, made by hand or by a box",
    "CAP.NODE2": "a second power line modem",
    "CAP.TXPOWER": "a modem whose transmit power can be lowered",
}


def hardware(case: Case) -> list[str]:
    """What a case needs from the bench when the system under test is real; nothing if an interface is enough."""
    found = ["a power line modem behind the interface"] if "slac" in case.protocols else []
    if _PILOT & set(case.needs) or any("PAUSED" in word for word in case.preconditions):
        found.append("a control pilot board (--pilot); without one what the pilot shows is not seen")
    return found + [text for name, text in _HARDWARE.items() if name in case.needs]


def _script(case: Case) -> str:
    """Where to find the script of a case that steps cannot express, or ""."""
    function = (OF_CHARGERS if case.sut == "secc" else OF_VEHICLES).get(case.id)
    return f"{function.__module__}.{function.__qualname__}" if function is not None else ""


def _session(case: Case) -> str:
    return f"{case.mode.energy}, {case.mode.identification}, TLS {case.mode.tls}"


def describe(case: Case, told: Mapping[str, Iterable[str]] | None = None) -> Iterator[str]:
    """Lines that describe a case in full.

    Args:
        told: its steps in words, ``prepared``, ``stimulus`` and ``expected``; None: as the catalogue writes them.
    """
    told = told or {
        "stimulus": [step_text(step) for step in case.stimulus],
        "expected": [step_text(step) for step in case.expect],
    }
    yield f"{case.id}: {case.title}"
    yield ""
    for name, value in (
        ("under test", _UNDER_TEST.get(case.sut, case.sut)),
        ("fit", _FIT.get(case.fit, case.fit)),
        ("protocol", ", ".join(case.protocols)),
        (
            "session",
            "" if case.sut == "pair" else f"{case.mode.energy}, {case.mode.identification}, TLS {case.mode.tls}",
        ),
        ("origin", f"{case.origin}: {words()['origins'].get(case.origin, '')}"),
        ("group", case.group),
        ("tags", ", ".join(case.tags)),
        ("also known as", ", ".join(case.also_known_as)),
        ("requirements", ", ".join(case.requirements)),
        ("rule", case.rule),
        ("our reading", case.reading.word if case.reading is not None else ""),
        ("detail", case.detail),
    ):
        if value:
            yield f"  {name:<14} {value}"
    for name, items in (
        ("needs", tuple(f"{need}: {words()['capabilities'].get(need, '')}" for need in case.needs)),
        ("hardware", tuple(hardware(case))),
        ("applies when", case.select),
        ("precondition", (*case.preconditions, *([case.setup] if case.setup else []))),
        *((name, tuple(lines)) for name, lines in told.items()),
        ("variants", tuple(step_text(step) for step in case.variants)),
    ):
        if items:
            yield f"  {name}"
            for number, item in enumerate(items, 1):
                yield f"    {number}. {item}"
    if script := _script(case):
        yield f"  carried out by {script}"
    if case.verdict:
        yield f"  verdict        {case.verdict}"
        for rule in words()["verdicts"].get(case.verdict, ()):
            yield f"    - {value_text(rule)}"
    if case.notes:
        yield "  notes"
        for note in case.notes:
            yield f"    - {note}"
