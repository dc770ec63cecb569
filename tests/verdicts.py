"""The page of the docs that lists verdicts: ``python -m verdicts > ../docs/verdicts.md`` in ``tests/``."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

from made_to_fail import WAYS, failure

from boundary.text import visible
from plugfest.cli import main
from traces.chain.steps import WHO, Outcome
from traces.checks import judge
from traces.errors import RecordingError
from traces.recording import EVCC, load

REPORTS = Path(__file__).parent / "data" / "reports"

TYPICAL = ("supportedAppProtocol", "SessionSetup", "ChargeParameterDiscovery", "CableCheck", "PowerDelivery",
           "CurrentDemand", "SessionStop")  # fmt: skip
"""Messages at which the page shows what each way to fail comes to."""


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
                rows.append((path.name, WHO[judged.diagnosis.side], judged.verdict.headline))
    return rows


def of_failures() -> list[tuple[str, str, str]]:
    """The same for sessions of our own roles in which a side was made to fail."""
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        capture = Path(directory) / "x.pcapng"
        for way in WAYS:
            for stem in TYPICAL:
                name = stem + ("Req" if way.side == EVCC else "Res")
                made = failure("iso2-dc", way, name, 1, capture) if way.fits(name) else None
                if made is not None:
                    judged = judge(made.capture)
                    case = f"{WHO[way.side]} {way.name}: {name}"
                    rows.append((case, WHO[judged.diagnosis.side], judged.verdict.headline))
    return rows


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
        "## Sides made to fail",
        "",
        "Sessions of ISO 15118-2, DC, in which one side fails at a message.",
        "",
        *table(of_failures(), "who fails, how, and where"),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
