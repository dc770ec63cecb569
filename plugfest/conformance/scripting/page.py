"""docs/scripting.md: every fixture for scripts, its methods, and when each of them returns.

``python -m plugfest.conformance.scripting.page > docs/scripting.md``
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from boundary.console import say_all
from plugfest.conformance.scripting import (
    ChargerScript,
    PairScript,
    SlacChargerScript,
    SlacVehicleScript,
    VehicleScript,
)
from plugfest.conformance.slac.charger import Charger
from plugfest.conformance.slac.vehicle import Vehicle

FIXTURES: dict[str, type] = {
    "secc_sut": VehicleScript,
    "evcc_sut": ChargerScript,
    "bench": PairScript,
    "slac_secc_sut": SlacVehicleScript,
    "slac_secc_sut.ev": Vehicle,
    "slac_evcc_sut": SlacChargerScript,
    "slac_evcc_sut.post": Charger,
}
"""Fixture -> what a script gets."""

_ABOUT_TESTS = {"adjust", "open", "running"}
"""Methods that the plugin calls, not scripts."""

_HEAD = """\
# What a conformance script can do

Every fixture of the plugin with its methods, generated from their docstrings. [scripts.md](scripts.md) has examples.
Await every method that waits: it returns when what it names has happened. If that does not happen in time, the test
fails and shows the last messages.

While a script runs, power, pilot and power line are watched as in a campaign. A rule that the system under test breaks
fails the script, whatever the script is about. `@pytest.mark.sut(watch=False)` switches this off for one script,
`--sut-no-watch` for all. `bench` is not watched: both of its sides are ours.
"""


def _text(doc: str) -> str:
    """A docstring as Markdown: sections like ``Args:`` become lists, roles become code."""
    doc = re.sub(r":\w+:`[~.]*([^`]+)`", r"`\1`", doc).replace("``", "`")
    lines = []
    for line in doc.split("\n"):
        if entry := re.match(r"    (\S[^:]*): (.*)", line):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif line.startswith("    "):
            lines.append(f"  {line.strip()}")
        else:
            lines.append(f"{line}\n" if re.fullmatch(r"(Args|Raises|Returns|Attributes):", line) else line)
    return "\n".join(lines)


def _methods(kind: type) -> Iterator[tuple[str, str]]:
    """Heading and docstring of each method for scripts, in source order, inherited ones last."""
    seen = set(_ABOUT_TESTS)
    for cls in kind.__mro__:
        for name, member in vars(cls).items():
            if name.startswith("_") or name in seen:
                continue
            seen.add(name)
            if isinstance(member, property):
                yield name, inspect.getdoc(member) or ""
            elif inspect.isfunction(member):
                waits = "await " if inspect.iscoroutinefunction(member) else ""
                given = [str(p).replace("'", "") for p in inspect.signature(member).parameters.values()][1:]
                starred = any(p.kind is p.KEYWORD_ONLY for p in inspect.signature(member).parameters.values())
                if starred and not any(word.startswith("*") for word in given):
                    first = next(i for i, word in enumerate(given) if _keyword_only(member, word))
                    given.insert(first, "*")
                yield f"{waits}{name}({', '.join(given)})", inspect.getdoc(member) or ""


def _keyword_only(member: object, word: str) -> bool:
    parameters = inspect.signature(member).parameters  # type: ignore[arg-type]  # a function, as seen by its caller
    name = re.split(r"[:=]", word)[0].strip()
    return parameters[name].kind is inspect.Parameter.KEYWORD_ONLY


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for fixture, kind in FIXTURES.items():
        parts.append(f"## `{fixture}`\n\n{_text(inspect.getdoc(kind) or '')}\n")
        parts += [f"### `{heading}`\n\n{_text(doc)}\n" for heading, doc in _methods(kind)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts))


if __name__ == "__main__":
    say_all(page().rstrip().split("\n"))
