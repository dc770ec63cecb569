"""The evidence of a campaign for people and machines: a summary page, JUnit XML, and one zip with everything.

All of it is made from what is in the folder, so that merged shards and interrupted campaigns report alike.
"""

from __future__ import annotations

import collections
import html
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from conformance.campaign import INFO, read_results, safe
from conformance.catalogue import case
from conformance.describe import step_text
from conformance.verdict import Result, Verdict

WORDS = {
    Verdict.NONE: "none",
    Verdict.PASS: "pass",
    Verdict.INCONC: "inconclusive",
    Verdict.FAIL: "fail",
    Verdict.ERROR: "error",
}

LEFT_OUT = "left_out.json"
"""Runs that were not executed, with the reason."""


def leave_out(folder: Path, runs: Iterable[tuple[Any, str]]) -> None:
    """Writes down which runs are not executed, and why."""
    data = {run.id: {"title": run.title, "reason": why} for run, why in runs}
    (folder / LEFT_OUT).write_text(json.dumps(data, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


def left_out(folder: Path) -> dict[str, dict[str, str]]:
    """As :func:`leave_out` wrote it."""
    path = folder / LEFT_OUT
    data: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return data


def info(folder: Path) -> dict[str, Any]:
    """What is known of the campaign as a whole."""
    path = folder / INFO
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return data


def counts(results: Iterable[Result]) -> dict[Verdict, int]:
    """How many runs have which verdict."""
    found = collections.Counter(result.verdict for result in results)
    return {verdict: found[verdict] for verdict in Verdict}


def write(folder: Path) -> tuple[Path, Path, Path]:
    """Writes ``report.html``, ``junit.xml`` and ``FOLDER.zip``; gives their paths.

    Raises:
        OSError: the folder cannot be written.
    """
    results = list(read_results(folder).values())
    page, junit = folder / "report.html", folder / "junit.xml"
    page.write_text(summary(results, info(folder), left_out(folder), _pics(folder)), encoding="utf-8")
    junit.write_bytes(junit_xml(results))
    return page, junit, pack(folder)


def _pics(folder: Path) -> str:
    path = folder / "pics.yaml"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def pack(folder: Path) -> Path:
    """One zip with everything in the folder."""
    target = folder.with_name(folder.name + ".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, Path(folder.name) / path.relative_to(folder))
    return target


# ---------------------------------------------------------------------------------------------------------------
# JUnit


def junit_xml(results: Sequence[Result]) -> bytes:
    """Results as JUnit XML: inconclusive is skipped, findings are system-out."""
    number = counts(results)
    suite = ElementTree.Element(
        "testsuite",
        name="plugfest conformance",
        tests=str(len(results)),
        failures=str(number[Verdict.FAIL]),
        errors=str(number[Verdict.ERROR]),
        skipped=str(number[Verdict.INCONC] + number[Verdict.NONE]),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        entry = ElementTree.SubElement(
            suite, "testcase", classname=result.case, name=result.run, time=f"{result.seconds:.3f}"
        )
        kind = {Verdict.FAIL: "failure", Verdict.ERROR: "error", Verdict.INCONC: "skipped", Verdict.NONE: "skipped"}
        if (tag := kind.get(result.verdict)) is not None:
            ElementTree.SubElement(entry, tag, message=_printable(result.reason)).text = _printable(result.cause)
        if result.findings:
            text = "\n".join(f"finding: {finding}" for finding in result.findings)
            ElementTree.SubElement(entry, "system-out").text = _printable(text)
    data: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return data


def _printable(text: str) -> str:
    """Without the control characters that XML forbids."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "?" for sign in text)


# ---------------------------------------------------------------------------------------------------------------
# The page

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1f24}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #d9dee3;vertical-align:top}
th{background:#f3f5f7;font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}
.pass{color:#116329}.fail{color:#b3261e;font-weight:600}.error{color:#8a1c7c;font-weight:600}
.inconc{color:#8a5300}.none,.quiet{color:#656d76}code{font-size:.9em}details{margin:.2rem 0}
summary{cursor:pointer}pre{background:#f6f8fa;padding:.6rem;overflow-x:auto;font-size:.85em}
.bar{display:flex;height:.8rem;margin:.6rem 0;border-radius:3px;overflow:hidden}
.bar span{display:block}.b-pass{background:#2da44e}.b-fail{background:#cf222e}.b-error{background:#a333a3}
.b-inconc{background:#d4a72c}.b-none{background:#afb8c1}
"""


def _e(text: object) -> str:
    return html.escape(str(text))


def summary(results: Sequence[Result], about: dict[str, Any], left: dict[str, dict[str, str]], pics: str = "") -> str:
    """The page: what was tested, with what, how it went; then each run; then what was not executed and why."""
    number = counts(results)
    total = max(len(results), 1)
    bar = "".join(
        f'<span class="b-{verdict.word}" style="width:{100 * number[verdict] / total:.2f}%"></span>'
        for verdict in (Verdict.PASS, Verdict.INCONC, Verdict.FAIL, Verdict.ERROR, Verdict.NONE)
    )
    findings = sum(bool(result.findings) for result in results)
    conflicts = [r for r in results if "field_conflict" in r.tags and r.verdict is Verdict.FAIL]
    rows = "".join(f"<tr><th>{_e(key)}</th><td>{_e(_plain(value))}</td></tr>" for key, value in about.items())
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Conformance report</title>",
        f"<style>{_STYLE}</style>",
        f"<h1>Conformance report: {_e(about.get('system', 'system under test'))}</h1>",
        f"<div class=bar>{bar}</div>",
        "<table><tr>"
        + "".join(f"<th class=n>{WORDS[verdict]}</th>" for verdict in Verdict if number[verdict] or verdict)
        + "<th class=n>with findings</th><th class=n>runs</th></tr><tr>"
        + "".join(f'<td class="n {v.word}">{number[v]}</td>' for v in Verdict if number[v] or v)
        + f"<td class=n>{findings}</td><td class=n>{len(results)}</td></tr></table>",
        "<p class=quiet>Verdicts: none &lt; pass &lt; inconclusive &lt; fail &lt; error; the worst of a run counts. A"
        " finding is a deviation from an expectation of our own, which no published suite states.</p>",
        f"<h2>What was tested</h2><table>{rows}</table>",
        _families(results),
    ]
    if conflicts:
        names = ", ".join(f"<code>{_e(result.run)}</code>" for result in conflicts)
        parts.append(
            f"<p>Failed cases that shipping equipment is known to fail on purpose, because to reject would break real"
            f" vehicles: {names}.</p>"
        )
    bad = [result for result in results if result.verdict > Verdict.PASS or result.findings]
    bad.sort(key=lambda result: (-result.verdict, result.run))
    if bad:
        parts.append(
            "<h2>What did not pass, and findings</h2>" + "".join(_details(result, open_=True) for result in bad)
        )
    good = [result for result in results if result not in bad]
    if good:
        parts.append("<h2>Passed</h2>" + "".join(_details(result) for result in good))
    if left:
        parts.append(_left(left))
    if pics:
        parts.append(
            f"<h2>PICS and PIXIT</h2><details><summary>declared values</summary><pre>{_e(pics)}</pre></details>"
        )
    return "\n".join(parts) + "\n</html>\n"


def _plain(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def _families(results: Sequence[Result]) -> str:
    """The table that a test report opens with: per family, how many and how they went."""
    table: dict[str, collections.Counter[Verdict]] = {}
    for result in results:
        try:
            entry = case(result.case)
            name = f"{', '.join(entry.protocols)} {entry.family}"
        except KeyError:
            name = "other"
        table.setdefault(name, collections.Counter())[result.verdict] += 1
    head = "".join(f"<th class=n>{WORDS[verdict]}</th>" for verdict in Verdict if verdict)
    rows = "".join(
        f"<tr><td>{_e(name)}</td>"
        + "".join(f'<td class="n {v.word}">{found[v] or ""}</td>' for v in Verdict if v)
        + f"<td class=n>{found.total()}</td></tr>"
        for name, found in sorted(table.items())
    )
    return f"<h2>By family</h2><table><tr><th>family</th>{head}<th class=n>runs</th></tr>{rows}</table>"


def _details(result: Result, *, open_: bool = False) -> str:
    trace = f"cases/{safe(result.run)}/"
    rows = "".join(
        f"<tr><td>{_e(expected)}</td><td>{_e(observed)}</td></tr>"
        for expected, observed in zip(result.expected, result.observed, strict=False)
    )
    lines = [f'<p class="{result.verdict.word}">{_e(result.reason)}</p>' if result.reason else ""]
    lines += [f"<p>finding: {_e(finding)}</p>" for finding in result.findings]
    lines += [f"<p>likely cause: {_e(result.cause)}</p>" if result.cause else ""]
    lines += [f"<p class=quiet>not seen on this bench: {_e(text)}</p>" for text in result.not_observed]
    if result.requirements:
        lines.append(f"<p class=quiet>requirements: {_e(', '.join(result.requirements))}</p>")
    if rows:
        lines.append(f"<table><tr><th>expected</th><th>observed</th></tr>{rows}</table>")
    try:
        steps = "; ".join(step_text(step) for step in case(result.case).stimulus)
        lines.append(f"<p class=quiet>stimulus: {_e(steps)}</p>")
    except KeyError:
        pass
    when = f", {_e(result.started)}" if result.started else ""
    again = f", run {result.attempts} times" if result.attempts > 1 else ""
    lines.append(
        f'<p class=quiet>{result.seconds:.3f} s{when}{again}; <a href="{trace}trace.pcapng">packets</a>,'
        f' <a href="{trace}trace.jsonl">trace</a></p>'
    )
    mark = " open" if open_ and result.verdict > Verdict.INCONC else ""
    word = WORDS[result.verdict] + (" with findings" if result.findings else "")
    return (
        f'<details{mark}><summary><span class="{result.verdict.word}">{word}</span> <code>{_e(result.run)}</code>'
        f" {_e(result.title)}</summary>{''.join(lines)}</details>"
    )


def _left(left: dict[str, dict[str, str]]) -> str:
    reasons: dict[str, list[str]] = {}
    for name, entry in left.items():
        reasons.setdefault(entry["reason"], []).append(name)
    rows = "".join(
        f"<tr><td>{_e(reason)}</td><td class=n>{len(names)}</td>"
        f"<td><details><summary>{_e(names[0])}{' ...' if len(names) > 1 else ''}</summary>"
        f"{_e(', '.join(names))}</details></td></tr>"
        for reason, names in sorted(reasons.items(), key=lambda item: -len(item[1]))
    )
    return f"<h2>Not executed</h2><table><tr><th>reason</th><th class=n>runs</th><th>which</th></tr>{rows}</table>"
