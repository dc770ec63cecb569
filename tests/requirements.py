"""The page of the docs that says which runs ask for a rule: ``python -m requirements > ../docs/requirements.md``.

What a run sends that breaks a content rule is not read off the catalogue but seen: ``python -m requirements sweep``
runs every case of the three protocols against our own roles and writes ``stimuli.json`` beside this module. Words after
``sweep`` leave it at the runs whose ids contain one of them. Both are made in ``tests/``.
"""

from __future__ import annotations

import collections
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from faults.runs import one

import v2g.rules.table
from plugfest.conformance.campaign.execute import executable
from plugfest.conformance.catalogue import parameters, runs
from v2g import sequence, timing
from v2g.messages.iso20 import ac, common, dc
from v2g.protocols import DIN, ISO2, ISO20
from v2g.rules.facts import Facts
from v2g.rules.rule import AC20, CLASSIC, COMMON20, DC20, Breach, Live, Rule
from v2g.sequence import START

SEEN = Path(__file__).with_name("stimuli.json")
PAGE = Path(__file__).parents[1] / "docs" / "requirements.md"
PROTOCOLS = {"iso15118-2": ISO2, "din70121": DIN, "iso15118-20": ISO20}
SETS = {
    ISO2: {ISO2.name: ISO2.module},
    DIN: {DIN.name: DIN.module},
    ISO20: {COMMON20: common, DC20: dc, AC20: ac},
}
"""Schema sets of a protocol in which rules hold, and their messages."""
ACTED_ON = (Live.REFUSED, Live.TOLERATED, Live.PROTECTED)
HANDSHAKE = ("supportedAppProtocolReq", "supportedAppProtocolRes")
SHOWN = 4
"""Runs named in a cell."""

TIMER = re.compile(r'^    (\w+): [^\n]+\n    """(.*?)"""', re.MULTILINE | re.DOTALL)
"""A timer and its description, in the module that has them all."""
IDENTIFIER = re.compile(r"V2G2-\d{3}|V2G-DC-\d{3}|V2G20-\d{3,4}")

RUNS = {run.id: run for run in runs() if run.protocol in PROTOCOLS and not executable(run)}


# ---------------------------------------------------------------------------------------------------------------
# What runs send


def broken_by(run_id: str) -> list[str]:
    """Content rules that the tester breaks in a run: ``protocol rule message``."""
    run, right = RUNS[run_id], v2g.rules.table.judge
    role = "evcc" if run.case.sut == "secc" else "secc"
    seen: set[str] = set()

    def judge(facts: Facts, body: Any) -> Sequence[Breach]:
        found = right(facts, body)
        seen.update(f"{run.protocol} {one.rule.name} {type(body).__name__}" for one in found if one.rule.side == role)
        return found

    v2g.rules.table.judge = judge  # type: ignore[assignment]  # a stand-in of the test
    try:
        one(run)
    except RuntimeError:  # a role that breaks down is for other tests
        pass
    finally:
        v2g.rules.table.judge = right
    return sorted(seen)


def sweep(words: Sequence[str] = ()) -> dict[str, list[str]]:
    """Every run: what of the content rules the tester breaks in it -> runs.

    Args:
        words: only runs whose ids contain one are made again; of the others, what was seen before holds.
    """
    again = [run for run in RUNS if not words or any(word in run for word in words)]
    before = seen() if words else {}
    found = {name: [run for run in known if run in RUNS and run not in again] for name, known in before.items()}
    with ProcessPoolExecutor() as pool:
        for run_id, names in zip(again, pool.map(broken_by, again, chunksize=20), strict=True):
            for name in names:
                found.setdefault(name, []).append(run_id)
    place = {run: number for number, run in enumerate(RUNS)}
    return {name: sorted(known, key=place.__getitem__) for name, known in sorted(found.items()) if known}


def seen() -> dict[str, list[str]]:
    """As the last sweep wrote it."""
    data: dict[str, list[str]] = json.loads(SEEN.read_text(encoding="utf-8"))
    return data


# ---------------------------------------------------------------------------------------------------------------
# What the tables ask for


def rules() -> Iterator[tuple[str, Rule, str]]:
    """Each content rule of the protocols, message by message: protocol's word, rule, message."""
    for word, protocol in PROTOCOLS.items():
        for rule in v2g.rules.table.RULES:
            if held := [module for name, module in SETS[protocol].items() if name in (rule.protocols or CLASSIC)]:
                names = [
                    name
                    for name in rule.messages
                    if any(hasattr(module, name) for module in held) or name.startswith("supported")
                ] or [""]
                yield from ((word, rule, name) for name in names if name or not rule.messages)


def stimuli(found: dict[str, list[str]], word: str, rule: Rule, message: str) -> list[str]:
    """Runs in which the tester breaks a rule with a message, or with any where the rule is about all."""
    if message:
        return found.get(f"{word} {rule.name} {message}", [])
    return [run for key, names in found.items() if key.startswith(f"{word} {rule.name} ") for run in names]


def disordered(word: str, request: str) -> tuple[list[str], list[str]]:
    """Runs with a charger that send something wrong after this request; with a vehicle, that answer it wrongly."""
    charger, vehicle = [], []
    state = request.removesuffix("Req") or "SAP"
    loops = {"CurrentDemand": "ChargingLoop", "ChargingStatus": "ChargingLoop"}
    for run in RUNS.values():
        if run.protocol != word:
            continue
        after = str(run.variant.get("state") or run.variant.get("after") or "").partition(".")[0]
        early = any("instead_of" in step for step in run.steps[0])
        place = after or (run.case.preconditions[0].split(".")[1] if early and run.case.preconditions else "")
        wrong = run.case.group not in ("good_case", "v2g_timeouts")  # what comes there is allowed
        if run.case.sut == "secc" and wrong and place and place == loops.get(state, state):
            charger.append(run.id)
        answers = ("WrongAnswer", "WrongResponse")
        about = str(run.variant.get("request") or run.case.family + "Req")
        if run.case.sut == "evcc" and any(part in run.case.id for part in answers) and about == request:
            vehicle.append(run.id)
    return charger, vehicle


def disordered20(request: str) -> tuple[list[str], list[str]]:
    """As :func:`disordered` for ISO 15118-20, whose cases name the state in their precondition."""
    ours = [run for run in RUNS.values() if run.protocol == "iso15118-20"]
    state = {"": "SAP", "SessionStopReq": "AnotherService"}.get(request, request.removesuffix("Req"))
    if state.endswith(("_ChargeParameterDiscovery", "_ChargeLoop")):
        state = state.partition("_")[2]
    charger = [
        run.id
        for run in ours
        if re.search("_Order|WrongSequence", run.case.id)
        and any(re.match(rf"P20\.{state}\b", place) for place in run.case.preconditions)
        and not ("DC_" in request and run.case.mode.energy == "ac")
        and not ("AC_" in request and run.case.mode.energy == "dc")
    ]
    name = request.removesuffix("Req")
    vehicle = [
        run.id
        for run in ours
        if run.variant.get("instead_of") == f"{name}Res" or run.case.id == f"PF_EVCC_ISO20_{name}_WrongResponse"
    ]
    return charger, vehicle


def timers() -> Iterator[tuple[str, list[str]]]:
    """Each timer of the catalogue -> the runs whose steps or conditions name it."""
    texts = {run.id: f"{run.case.timers} {run.steps}" for run in RUNS.values()}
    for name in parameters()["v2g_timers"]:
        if not name.startswith("ISO20"):
            yield name, [run for run, text in texts.items() if re.search(rf"\b{name}\b", text)]


def identifiers(found: dict[str, list[str]]) -> dict[str, tuple[set[str], list[str]]]:
    """Each requirement named anywhere -> where, and the runs that name it or break its rule."""
    where: dict[str, set[str]] = collections.defaultdict(set)
    by: dict[str, list[str]] = collections.defaultdict(list)
    for word, rule, message in rules():
        for name in IDENTIFIER.findall(rule.requirement_in(PROTOCOLS[word].name)):
            where[name].add(f"rule `{rule.name}`")
            by[name] += stimuli(found, word, rule, message)
    for module, title in ((sequence, "order"), (timing, "timers")):
        for name in IDENTIFIER.findall(Path(str(module.__file__)).read_text(encoding="utf-8")):
            where[name].add(title)
    named = dict(timers())
    for timer, about in TIMER.findall(Path(str(timing.__file__)).read_text(encoding="utf-8")):
        for name in IDENTIFIER.findall(about):
            by[name] += named.get(timer, [])
    for run in RUNS.values():
        for name in IDENTIFIER.findall(" ".join(run.case.requirements)):
            where[name].add("catalogue")
            by[name].append(run.id)
    return {name: (where[name], by[name]) for name in sorted(where)}


# ---------------------------------------------------------------------------------------------------------------
# The page


def _cell(names: Iterable[str]) -> str:
    kept = list(dict.fromkeys(names))
    more = f" and {len(kept) - SHOWN} more" if len(kept) > SHOWN else ""
    return ", ".join(f"`{name}`" for name in kept[:SHOWN]) + more if kept else "**none**"


def page(found: dict[str, list[str]]) -> str:
    """The page of the docs."""
    lines = [
        "# Rules and the runs that ask for them",
        "",
        "Made by `python -m requirements > ../docs/requirements.md` in `tests/`; do not edit. For each rule of DIN",
        "SPEC 70121, ISO 15118-2 and ISO 15118-20 in the tables of this project: the runs of the catalogue in which",
        "the tester breaks it, so that a system which takes what it must not is found out. What the runs send was seen",
        "by running all of them against our own roles (`python -m requirements sweep`). Whether they fail a system",
        "with that fault, the seeded faults show: see [faults.md](faults.md).",
        "",
    ]
    table = [(word, rule, message, stimuli(found, word, rule, message)) for word, rule, message in rules()]
    lines += [
        "## Content rules", "", "See [rules.md](rules.md) for what each asks.", "",
        "| rule | in | message | what a role does | runs that break it |", "|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| `{rule.name}` | {PROTOCOLS[word].title} | {message or 'all'} | {rule.live.value} | {_cell(names)} |"
        for word, rule, message, names in table
    ]
    lines += ["", "## Order", "", "| after | in | a charger hears something else | a vehicle hears something else |",
              "|---|---|---|---|"]  # fmt: skip
    for word, protocol in PROTOCOLS.items():
        for request in dict.fromkeys(step.after for step in protocol.order):
            charger, vehicle = disordered20(request) if protocol is ISO20 else disordered(word, request)
            shown = request or "supportedAppProtocol"
            answered = _cell(vehicle) if request != START else "–"
            lines.append(f"| {shown} | {protocol.title} | {_cell(charger)} | {answered} |")
    lines += ["", "## Timers", "", "| timer | runs that name it |", "|---|---|"]
    lines += [f"| {name} | {_cell(names)} |" for name, names in timers()]
    named = identifiers(found)
    lines += ["", "## Requirements by number", "", "| requirement | named in | runs |", "|---|---|---|"]
    lines += [f"| {name} | {', '.join(sorted(where))} | {_cell(by)} |" for name, (where, by) in named.items()]
    left = [f"`{rule.name}` ({PROTOCOLS[word].title}, {message or 'all'})" for word, rule, message, names in table
            if not names and rule.live in ACTED_ON]  # fmt: skip
    acted = sum(rule.live in ACTED_ON for _, rule, _, _ in table)
    bare = [name for name, (_, by) in named.items() if not by]
    lines += [
        "", "## Without a run", "",
        "Content rules that a role acts on, and requirements. What is only told asks for no reaction that could fail.",
        "",
        f"{acted - len(left)} of {acted} such content rules (by message) have a run; {len(named) - len(bare)} of"
        f" {len(named)} requirements.", "",
        *(f"- {text}" for text in [*left, *bare]), "",
    ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["sweep"]:
        SEEN.write_text(json.dumps(sweep(sys.argv[2:]), indent=1) + "\n", encoding="utf-8")
    else:
        print(page(seen()), end="")
