"""The page of the docs: ``python -m faults.page > ../docs/faults.md``, run in ``tests/``."""

from __future__ import annotations

from faults import FAULTS
from faults.runs import RUNS


def page() -> str:
    """Each fault, with the runs that have to catch it; and how many runs none of them names."""
    named = {name for fault in FAULTS for name in fault.caught_by}
    lines = [
        "# Seeded faults and the cases that catch them",
        "",
        "Made by `python -m faults.page > ../docs/faults.md` in `tests/`; do not edit. Each fault is put into our own",
        "role, and the runs that are named for it have to catch it: with the verdict fail, or with a finding where",
        "only our own reading forbids the fault. A part of this is tried by `make test`, all of it by `make slow`.",
        "",
        f"{len(FAULTS)} faults, and {len(named & set(RUNS))} of {len(RUNS)} executable runs named for them. What other",
        "changes of our roles the runs notice is on the page of [mutants](mutants.md).",
        "",
        "| fault | in | what is wrong | caught by | as |",
        "|---|---|---|---|---|",
    ]
    for fault in FAULTS:
        names = ", ".join(f"`{name}`" for name in fault.caught_by)
        lenient = fault.reading or all(RUNS[name].case.lenient is not None for name in fault.caught_by)
        verdict = "finding" if lenient else "failure"
        lines.append(f"| {fault.name} | {fault.sut} | {fault.text} | {names} | {verdict} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
