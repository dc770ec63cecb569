"""A recording as one HTML file for colleagues: no network, hostile text escaped, no script except a filter.

::

    Path("session.html").write_text(render(recording))

Verdict, findings, timeline, plots, sequence chart, every message foldable, times against limits, certificates,
attenuation, configuration.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape

from boundary.text import visible
from plugfest.traces.checks import Judgement, judge
from plugfest.traces.entries import Recording
from plugfest.traces.measure import Measure, measure
from plugfest.traces.proofs import Presented, Roots, chains
from plugfest.traces.report import charts, facts, tables
from plugfest.traces.report.style import CSS, SCRIPT

__all__ = ["render"]


def render(
    recording: Recording, *, judged: Judgement | None = None, title: str = "", roots: Roots | None = None
) -> str:
    """The report.

    Args:
        judged: the judgement of it; by default that of :func:`plugfest.traces.checks.judge`.
        title: heading; by default the name of the file.
        roots: the trust anchors for certificates; None: their paths are not judged.
    """
    judged = judged or judge(recording, roots)
    result = judged.verdict
    measures = measure(recording)
    heading = visible(title or recording.name.rpartition("/")[2])
    hashed = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hashed}'"
    word, _, sentence = result.headline.partition(": ")
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(heading)} – charging session</title><style>{CSS}</style></head><body><main>",
        f'<p class="soft">Charging session report</p><h1>{escape(heading)}</h1>',
        f'<p class="soft">{escape(facts.origin(recording))}</p>',
        f'<div class="verdict {result.result.partition(" ")[0]}"><b>{escape(word.capitalize())}</b>',
        f"<span>{escape(sentence)}<br>{escape(result.details)}</span></div>",
        facts.summary(recording, judged.diagnosis.connection),
    ]
    for name, body in _sections(recording, judged, measures, chains(recording, roots)):
        if body:
            parts.append(f"<section><h2>{escape(name)}</h2>{body}</section>")
    parts.append(f"<footer>{escape(facts.footer(recording))}</footer>")
    parts.append(f"</main><script>{SCRIPT}</script></body></html>")
    return "\n".join(parts)


def _sections(
    recording: Recording, judged: Judgement, measures: list[Measure], presented: list[Presented]
) -> Iterator[tuple[str, str]]:
    findings = judged.findings
    yield "Findings", tables.findings(findings, recording)
    yield "Steps", tables.steps(judged)
    yield "Timeline", charts.timeline(recording)
    yield "Voltage, current, power, state of charge", charts.plots(recording)
    yield "Sequence", charts.sequence(recording, findings, measures)
    yield "Times and their limits", tables.times(measures)
    yield "Signal attenuation", charts.attenuation(recording)
    yield "Certificates and signatures", tables.proofs(recording, presented)
    yield "Certificates", tables.certificates(recording, presented)
    yield "Messages", tables.messages(recording)
    yield "Configuration", tables.configuration(recording)
