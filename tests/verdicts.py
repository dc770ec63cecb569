"""The page of the docs that lists verdicts: ``python -m verdicts > ../docs/verdicts.md`` in ``tests/``."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

from captures import files
from made_to_fail import WAYS, WAYS_20, Way, failure

from boundary.text import visible
from plugfest.cli import main
from plugfest.traces.chain.steps import WHO, Outcome
from plugfest.traces.checks import Judgement, judge
from plugfest.traces.entries import EVCC
from plugfest.traces.errors import RecordingError
from plugfest.traces.recording import load

REPORTS = Path(__file__).parent / "data" / "reports"
PAGE = Path(__file__).parents[1] / "docs" / "verdicts.md"
CAPTURES = "## Recordings of real vehicles, chargers and testers"

TYPICAL = ("supportedAppProtocol", "SessionSetup", "ChargeParameterDiscovery", "CableCheck", "PowerDelivery",
           "CurrentDemand", "SessionStop")  # fmt: skip
"""Messages at which the page shows what each way to fail comes to."""
TYPICAL_20 = ("Authorization", "DC_ChargeParameterDiscovery", "PowerDelivery", "DC_ChargeLoop")
"""The same in ISO 15118-20: the last one for the ways of all protocols."""


def of_files() -> list[tuple[str, str, str]]:
    """Name, blamed side and verdict of each recording of the reports, and of what each of their bench files records."""
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        capture = Path(directory) / "x.pcapng"
        for path in sorted(REPORTS.iterdir()):
            source = path
            if path.suffix == ".yaml":
                capture.unlink(missing_ok=True)
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    main(["run", str(path), "--fast", "--quiet", "--set", f"pcapng={capture}"])
                source = capture
            elif path.suffix not in (".pcap", ".pcapng", ".jsonl"):
                continue
            with contextlib.suppress(RecordingError):
                judged = judge(load(source))
                if judged.diagnosis.outcome is Outcome.EMPTY:
                    continue  # a bench that wants more than this page has, as a PKI
                rows.append((path.name, blamed(judged), judged.verdict.headline))
    return rows


def blamed(judged: Judgement) -> str:
    """Who is named first."""
    violations = [f.side for f in judged.findings if f.severity == "violation"]
    return WHO[judged.diagnosis.side or next(iter(violations), "")]


def of_captures() -> list[tuple[str, str, str]]:
    """The same for the recordings that are not part of the project; none where they are not there."""
    rows = []
    for path in files():
        judged = judge(load(path))
        rows.append((path.name, blamed(judged), judged.verdict.headline))
    return rows


def of_failures(mode: str, ways: Sequence[Way], typical: Sequence[str]) -> list[tuple[str, str, str]]:
    """The same for sessions of our own roles in which a side was made to fail."""
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        capture = Path(directory) / "x.pcapng"
        for way in ways:
            for stem in typical:
                name = stem + ("Req" if way.side == EVCC else "Res")
                made = failure(mode, way, name, way.nth[0], capture) if way.fits(name) else None
                if made is not None:
                    judged = judge(made.capture)
                    case = f"{WHO[way.side]} {way.name}: {name}"
                    rows.append((case, WHO[judged.diagnosis.side], judged.verdict.headline))
    return rows


def _captures_as_written() -> list[str]:
    """The table of recordings as it is on the page, for a machine that does not have the recordings."""
    lines = PAGE.read_text(encoding="utf-8").partition(CAPTURES)[2].splitlines()
    begin = next((place for place, line in enumerate(lines) if line.startswith("|")), 0)
    end = next((place for place in range(begin, len(lines)) if not lines[place].startswith("|")), begin)
    return lines[begin:end]


def table(rows: list[tuple[str, str, str]], first: str) -> list[str]:
    lines = [f"| {first} | blamed | `plugfest trace check` begins with |", "|---|---|---|"]
    for name, side, text in rows:
        who = "nobody" if side == WHO[""] else side
        lines.append(f"| {name} | {who} | {visible(text).replace('|', '/')} |")
    return lines


def page() -> str:
    """The whole page."""
    lines = [
        "# Verdicts",
        "",
        "The first sentence of `plugfest trace check`, `trace show` and `report` for recordings with one thing wrong",
        "each. Made by `python -m verdicts > ../docs/verdicts.md` in `tests/`; do not edit.",
        "",
        "## Recordings and bench files of field reports",
        "",
        "Files of `tests/data/reports`. Of a bench file (`.yaml`) it is the capture that is judged, which holds",
        "nothing of what the roles say themselves.",
        "",
        *table(of_files(), "file"),
        "",
        CAPTURES,
        "",
        "Public recordings, which are not part of the project (`PLUGFEST_SHARED`).",
        "",
        *(table(rows, "file") if (rows := of_captures()) else _captures_as_written()),
        "",
        "## Sides made to fail",
        "",
        "Sessions of ISO 15118-2, DC, in which one side fails at a message.",
        "",
        *table(of_failures("iso2-dc", WAYS, TYPICAL), "who fails, how, and where"),
        "",
        "Sessions of ISO 15118-20, DC in scheduled mode, in which one side fails.",
        "",
        *table(
            [
                *of_failures("iso20-dc", [way for way in WAYS_20 if way in WAYS], TYPICAL_20[-1:]),
                *of_failures("iso20-dc", [way for way in WAYS_20 if way not in WAYS], TYPICAL_20),
            ],
            "who fails, how, and where",
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
