"""The catalogue of test cases: YAML files beside this module, and their typed reading.

A file holds an area (``cases``), the words (``vocabulary.yaml``) or the timers, PICS, PIXIT and defaults
(``timers_parameters.yaml``). A case is run once per protocol it names and once per variant: each such run is a
:class:`Run` with an id of its own, ``CASE``, ``CASE#2`` (the second variant), ``CASE@din70121``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from plugfest.conformance.catalogue.steps import value_text
from plugfest.conformance.cause import Severity

FOLDER = Path(__file__).parent
WORDS, TIMERS = "vocabulary.yaml", "timers_parameters.yaml"

PROTOCOLS = {"iso15118-2": "iso2", "din70121": "din70121", "iso15118-20": "iso20", "slac": "slac"}
"""Names in the catalogue -> short names used on the command line and for schema sets."""


class CatalogueError(Exception):
    """An entry cannot be read; says file, case and what is wrong."""


@dataclass(frozen=True)
class Mode:
    """What kind of session a case is about: ac, dc or any; eim, pnc or any; off, required or as_declared."""

    energy: str = "any"
    identification: str = "any"
    tls: str = "as_declared"
    control: str = "any"


@dataclass(frozen=True)
class PilotStep:
    """What the tester's control pilot shows for some seconds: a duty in percent, or a state by its letter (E, F)."""

    duty: float | None = None
    state: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Case:
    """One entry of the catalogue; attributes as in ``vocabulary.yaml``, section ``schema``.

    ``stimulus`` and ``expect`` are lists of steps, each a mapping whose first key is a verb.
    """

    id: str
    title: str
    sut: str
    origin: str
    file: str
    protocols: tuple[str, ...] = ()
    family: str = ""
    group: str = ""
    mode: Mode = Mode()
    preconditions: tuple[str, ...] = ()
    judges_path: bool = False
    setup: str = ""
    pilot: tuple[PilotStep, ...] = ()
    evse_nodes: int = 1
    stimulus: tuple[Mapping[str, Any], ...] = ()
    expect: tuple[Mapping[str, Any], ...] = ()
    variants: tuple[Mapping[str, Any], ...] = ()
    verdict: str = ""
    select: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    timers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    also_known_as: tuple[str, ...] = ()
    detail: str = ""
    fit: str = ""
    derived_from: str = ""
    reading: Severity | None = None
    rule: str = ""

    @property
    def lenient(self) -> Severity | None:
        """How severe a deviation is if the expectation is our own reading; None: it is the standard's.

        A case is the standard's if a published suite has it, or if it names what the standard says: ``requirements``
        by number, or a ``rule`` in words where no number is public. Otherwise ``reading`` gives its severity.
        """
        if self.reading is not None or self.verdict != "VR.DERIVED" or self.requirements or self.rule:
            return self.reading
        return Severity.READING

    def runs(self) -> Iterator[Run]:
        """One per protocol and variant."""
        for protocol in self.protocols or ("",):
            at = f"@{protocol}" if len(self.protocols) > 1 else ""
            if not self.variants:
                yield Run(self.id + at, self, protocol)
            for number, variant in enumerate(self.variants, 1):
                yield Run(f"{self.id}{at}#{number}", self, protocol, dict(variant))


@dataclass(frozen=True)
class Run:
    """A case for one protocol and one variant."""

    id: str
    case: Case
    protocol: str
    variant: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The case's title, with what the variant sets."""
        told = list(self.variant.items())
        if "case" in self.variant:  # describes in words the lists and mappings beside it
            told = [(key, value) for key, value in told if not isinstance(value, (list, dict))]
        words = ", ".join(value_text(value) if key == "case" else f"{key} {value_text(value)}" for key, value in told)
        return f"{self.case.title} ({words})" if words else self.case.title

    @property
    def with_session(self) -> bool:
        """Whether a SLAC case needs a V2G session on the link as well."""
        words = " ".join(self.case.preconditions)
        return self.protocol == "slac" and any(word in words for word in _WITH_SESSION)

    @property
    def steps(self) -> tuple[tuple[Mapping[str, Any], ...], tuple[Mapping[str, Any], ...]]:
        """Stimulus and expectations with the variant merged in: ``per variant`` takes the variant's value."""
        return (
            tuple(_merged(step, self.variant) for step in self.case.stimulus),
            tuple(_merged(step, self.variant) for step in self.case.expect),
        )


_WITH_SESSION = ("PAUSED", "TERMINATED", "AMPMAP")
"""Words of preconditions that require both SLAC and a V2G session."""

PER_VARIANT = "per variant"


def _merged(step: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """A step whose ``per variant`` values are the variant's: of that name, or all of it where it has no such name."""
    return {key: _filled(key, value, variant) for key, value in step.items()}


def _filled(key: str, value: Any, variant: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return _merged(value, variant)
    if isinstance(value, list):
        return [_filled(key, item, variant) for item in value]
    if isinstance(value, str) and value.startswith(PER_VARIANT):
        return variant.get(key, variant.get(key.rpartition(".")[2], dict(variant)))
    return value


# ---------------------------------------------------------------------------------------------------------------
# Reading


def _load(name: str) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with (FOLDER / name).open(encoding="utf-8") as file:
            return yaml.load(file, loader)
    except yaml.YAMLError as why:
        raise CatalogueError(f"{name}: {why}") from why


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(str(item) for item in value) if isinstance(value, list) else (str(value),)


def _steps(value: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    """A list of mappings; a plain text (interoperability plan) is one step in words."""
    if value is None:
        return ()
    if isinstance(value, str):
        return ({"then": value},)
    if not isinstance(value, list) or not all(isinstance(step, dict) and step for step in value):
        raise CatalogueError(f"{where}: a list of steps is needed")
    return tuple(value)


def _pilot(value: Any, where: str) -> tuple[PilotStep, ...]:
    found = []
    for step in _steps(value, f"{where}: pilot"):
        try:
            found.append(PilotStep(**step))
        except TypeError as why:
            raise CatalogueError(f"{where}: pilot: {why}") from why
        if (found[-1].duty is None) == (found[-1].state not in ("E", "F")):
            raise CatalogueError(f"{where}: pilot: each step has a duty, or state E or F")
    return tuple(found)


_READINGS = {severity.word: severity for severity in Severity}


def _case(entry: Any, file: str) -> Case:
    where = f"{file}: {entry.get('id', '?') if isinstance(entry, dict) else entry!r}"
    if not isinstance(entry, dict):
        raise CatalogueError(f"{where}: no case")
    known = {
        "id", "title", "sut", "origin", "protocol", "family", "group", "mode", "precondition", "setup", "pilot",
        "path", "evse_nodes", "stimulus", "expect", "variants", "verdict", "select", "requirements", "timers", "needs",
        "tags", "notes", "also_known_as", "detail", "fit", "derived_from", "reading", "rule",
    }  # fmt: skip
    if unknown := set(entry) - known:
        raise CatalogueError(f"{where}: unknown keys {', '.join(sorted(unknown))}")
    for key in ("id", "title", "sut", "origin"):
        if not isinstance(entry.get(key), str):
            raise CatalogueError(f"{where}: {key} is missing")
    protocols = _texts(entry.get("protocol"))
    if bad := set(protocols) - set(PROTOCOLS):
        raise CatalogueError(f"{where}: unknown protocol {', '.join(sorted(bad))}")
    reading = entry.get("reading")
    if reading is not None and reading not in _READINGS:
        raise CatalogueError(f"{where}: reading is {', '.join(_READINGS)}, not {reading}")
    try:
        mode = Mode(**{key: str(value) for key, value in (entry.get("mode") or {}).items()})
    except TypeError as why:
        raise CatalogueError(f"{where}: mode: {why}") from why
    return Case(
        id=entry["id"],
        title=entry["title"],
        sut=entry["sut"],
        origin=entry["origin"],
        file=file,
        protocols=protocols,
        family=str(entry.get("family", "")),
        group=str(entry.get("group", "")),
        mode=mode,
        preconditions=_texts(entry.get("precondition")),
        judges_path=_judges_path(entry, where),
        setup=str(entry.get("setup") or ""),
        pilot=_pilot(entry.get("pilot"), where),
        evse_nodes=int(entry.get("evse_nodes", 1)),
        stimulus=_steps(entry.get("stimulus"), f"{where}: stimulus"),
        expect=_steps(entry.get("expect"), f"{where}: expect"),
        variants=_steps(entry.get("variants"), f"{where}: variants"),
        verdict=str(entry.get("verdict", "")),
        select=_texts(entry.get("select")),
        requirements=_texts(entry.get("requirements")),
        timers=_texts(entry.get("timers")),
        needs=_texts(entry.get("needs")),
        tags=_texts(entry.get("tags")),
        notes=_texts(entry.get("notes")),
        also_known_as=_texts(entry.get("also_known_as")),
        detail=str(entry.get("detail", "")),
        fit=str(entry.get("fit", "")),
        derived_from=str(entry.get("derived_from", "")),
        reading=_READINGS[reading] if reading is not None else None,
        rule=str(entry.get("rule", "")),
    )


def _judges_path(entry: dict[str, Any], where: str) -> bool:
    """Whether the way to the precondition is judged as well.

    Raises:
        CatalogueError: another word, or a precondition is missing.
    """
    word = entry.get("path")
    if word not in (None, "judged") or (word and not entry.get("precondition")):
        raise CatalogueError(f"{where}: path is judged, with a precondition, not {word!r}")
    return word is not None


@cache
def cases() -> tuple[Case, ...]:
    """Every case, in the order of the files.

    Raises:
        CatalogueError: an entry cannot be read, or an id occurs twice.
    """
    found: dict[str, Case] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name in (WORDS, TIMERS):
            continue
        for entry in _load(path.name)["cases"]:
            case = _case(entry, path.name)
            if case.id in found:
                raise CatalogueError(f"{path.name}: {case.id} is also in {found[case.id].file}")
            found[case.id] = case
    return tuple(found.values())


def case(name: str) -> Case:
    """The case of that id, or of one of its other names.

    Raises:
        KeyError: there is none.
    """
    for entry in cases():
        if entry.id == name or name in entry.also_known_as:
            return entry
    raise KeyError(name)


def runs() -> Iterator[Run]:
    """Every run of every case."""
    for entry in cases():
        yield from entry.runs()


@cache
def words() -> Mapping[str, Any]:
    """``vocabulary.yaml``."""
    data: Mapping[str, Any] = _load(WORDS)
    return data


@cache
def parameters() -> Mapping[str, Any]:
    """``timers_parameters.yaml``."""
    data: Mapping[str, Any] = _load(TIMERS)
    return data


@cache
def timer(name: str) -> float:
    """Seconds of a timer by its name; for a range, the longest.

    Raises:
        KeyError: there is no such timer.
    """
    table = parameters()
    entry = table["v2g_timers"].get(name) or table["slac_timers"][name]
    value = entry.get("value", 5.0)  # EVCC_StateB_Shutdown_Timeout: no public value; see its note
    return float(value[-1] if isinstance(value, list) else value)
