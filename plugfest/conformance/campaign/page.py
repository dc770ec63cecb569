"""The page of a campaign, as a lab delivers it: verdict, what was tested with what, a table of all runs to filter and
sort, then each run in full, what was not executed and why, and what was declared.

One file that needs no network; without JavaScript it shows the same, only without filters.
"""

from __future__ import annotations

import collections
import datetime
import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from boundary.text import counted, visible_lines
from plugfest.conformance.campaign.outcome import WORDS, apart, common_cause_text, counts
from plugfest.conformance.catalogue import case
from plugfest.conformance.catalogue.narrative import course
from plugfest.conformance.catalogue.pics import DEFAULTS, Pics, meaning
from plugfest.conformance.catalogue.protocols import TITLES
from plugfest.conformance.verdict import Result, Verdict


@dataclass
class Content:
    """The data a page is made from.

    Attributes:
        results: the latest of each run.
        about: the campaign's system, interface, versions and command line.
        left: runs that were not executed: id -> title and reason.
        missing: runs that were planned but have no result.
        pics: what was declared; None: each case supplied what it needs.
        places: run -> folder of its evidence, relative to the page.
    """

    results: Sequence[Result]
    about: Mapping[str, Any] = field(default_factory=dict)
    left: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: Sequence[str] = ()
    pics: Pics | None = None
    places: Mapping[str, str] = field(default_factory=dict)


_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#1b1f24}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #d9dee3;vertical-align:top}
th{background:#f3f5f7;font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.about th{width:14rem}.verdict{font-size:1.1rem;font-weight:600;margin:.2rem 0 .8rem}
.pass{color:#116329}.fail{color:#b3261e;font-weight:600}.error{color:#8a1c7c;font-weight:600}
.inconc{color:#8a5300}.none,.quiet{color:#656d76}code{font-size:.87em}details{margin:.2rem 0}
summary{cursor:pointer}.bar{display:flex;height:.8rem;margin:.6rem 0;border-radius:3px;overflow:hidden}
.bar span{display:block}.b-pass{background:#2da44e}.b-fail{background:#cf222e}.b-error{background:#a333a3}
.b-inconc{background:#d4a72c}.b-none{background:#afb8c1}
#runs td{font-size:.93em}#runs th{cursor:pointer;position:sticky;top:0}#runs td:nth-child(3){min-width:13rem}
#runs td:nth-child(2),#runs td:nth-child(8){white-space:nowrap}
.filter{margin:.6rem 0;display:flex;flex-wrap:wrap;gap:.8rem;align-items:center}
.filter input[type=search]{font:inherit;padding:.2rem .5rem;min-width:18rem}
.run{border-left:3px solid #d9dee3;padding-left:.8rem;margin:.8rem 0}.run p{margin:.2rem 0}
:target{background:#fff8c5}
h1,p,summary{overflow-wrap:anywhere}
@media(max-width:45rem){body{margin:1rem auto}table{display:block;overflow-x:auto}.about th{width:auto}
.filter input[type=search]{min-width:0;width:100%}}
@media print{.filter{display:none}body{margin:0;max-width:none;font-size:11px}details{break-inside:avoid}}
"""

_SCRIPT = """
const table=document.getElementById('runs'),body=table.tBodies[0],rows=[...body.rows];
const text=document.getElementById('words'),boxes=[...document.querySelectorAll('.filter input[type=checkbox]')];
const count=document.getElementById('count');
function filter(){const on=new Set(boxes.filter(b=>b.checked).map(b=>b.value));
const words=text.value.toLowerCase().split(/\\s+/).filter(Boolean);let n=0;
for(const row of rows){const all=row.textContent.toLowerCase();
const show=on.has(row.dataset.verdict)&&words.every(w=>all.includes(w));row.hidden=!show;n+=show}
count.textContent=n+' of '+rows.length+' runs'}
text.addEventListener('input',filter);for(const box of boxes)box.addEventListener('change',filter);
let last=-1,up=1;[...table.tHead.rows[0].cells].forEach((cell,at)=>cell.addEventListener('click',()=>{
up=at===last?-up:1;last=at;const key=row=>row.cells[at].dataset.key??row.cells[at].textContent;
rows.sort((a,b)=>up*key(a).localeCompare(key(b),undefined,{numeric:true}));rows.forEach(row=>body.append(row))}));
addEventListener('hashchange',open);function open(){const at=document.getElementById(decodeURIComponent(
location.hash.slice(1)));if(at&&at.tagName==='DETAILS')at.open=true}open();filter();
"""


def _e(text: object) -> str:
    return html.escape("\n".join(visible_lines(text)))


def overall(content: Content) -> tuple[str, str]:
    """The verdict of the campaign in a sentence, and the name of its colour."""
    number, missing = counts(content.results), len(content.missing)
    bad = [f"{number[v]} {WORDS[v]}" for v in (Verdict.FAIL, Verdict.ERROR, Verdict.INCONC) if number[v]]
    total = len(content.results)
    if missing:
        bad.append(f"{missing} not run yet")
    if number[Verdict.FAIL] or number[Verdict.ERROR]:
        return f"Not passed: of {counted(total + missing, 'run')}, {', '.join(bad)}", "fail"
    if bad:
        return f"No failure; of {counted(total + missing, 'run')}, {', '.join(bad)}", "inconc"
    if not total:
        return "Nothing was run", "none"
    return f"Passed: {f'all {total} runs' if total > 1 else '1 run'}", "pass"


def page(content: Content) -> str:
    """The whole page."""
    results = sorted(content.results, key=lambda r: (-r.verdict, not r.findings, r.run))
    sentence, colour = overall(content)
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Conformance: {_e(content.about.get('system', ''))}</title><style>{_STYLE}</style>",
        f"<h1>Conformance test report: {_e(content.about.get('system', 'system under test'))}</h1>",
        f'<p class="verdict {colour}">{_e(sentence)}</p>',
        f"<p class=inconc>{_e(cause)}</p>" if (cause := common_cause_text(results)) else "",
        *(f"<p class=fail>{_e(rule)}</p>" for rule in apart(results)),
        _numbers(results),
        _about(content),
        _families(results),
        _conflicts(results),
        _runs(results, content.places),
        "<h2>Each run</h2>" + "".join(_details(result, content.places) for result in results) if results else "",
        _missing(content.missing),
        _left(content.left) if content.left else "",
        _declared(content.pics),
        f"<script>{_SCRIPT}</script>" if results else "",
    ]
    return "\n".join(part for part in parts if part) + "\n</html>\n"


def _numbers(results: Sequence[Result]) -> str:
    number, total = counts(results), max(len(results), 1)
    bar = "".join(
        f'<span class="b-{verdict.word}" style="width:{100 * number[verdict] / total:.2f}%"></span>'
        for verdict in (Verdict.PASS, Verdict.INCONC, Verdict.FAIL, Verdict.ERROR, Verdict.NONE)
    )
    shown = [verdict for verdict in Verdict if number[verdict] or verdict]
    numbers = [(verdict, number[verdict]) for verdict in shown]
    return (
        f"<div class=bar>{bar}</div><table><tr>"
        + "".join(f"<th class=n>{WORDS[verdict]}</th>" for verdict in shown)
        + "<th class=n>with findings</th><th class=n>runs</th></tr><tr>"
        + "".join(f'<td class="n {verdict.word if count else ""}">{count}</td>' for verdict, count in numbers)
        + f"<td class=n>{sum(bool(result.findings) for result in results)}</td><td class=n>{len(results)}</td></tr>"
        "</table><p class=quiet>Verdicts: none &lt; pass &lt; inconclusive &lt; fail &lt; error; the worst of a run"
        " counts. Inconclusive: the case could not reach its point. A finding is a deviation from our"
        " own reading of the standard, with its severity; findings of safety and security fail the run.</p>"
    )


def _about(content: Content) -> str:
    facts: dict[str, Any] = dict(content.about)
    protocols = dict.fromkeys(TITLES.get(r.protocol, r.protocol) for r in content.results if r.protocol)
    if protocols:
        facts["protocols"] = ", ".join(protocols)
    began = sorted(result.started for result in content.results if result.started)
    if began:
        latest = max((r for r in content.results if r.started), key=lambda r: r.started)
        end = datetime.datetime.fromisoformat(latest.started) + datetime.timedelta(seconds=latest.seconds)
        facts["started"], facts["ended"] = _moment(began[0]), _moment(end.isoformat(timespec="seconds"))
    facts["time in cases"] = _span(sum(result.seconds for result in content.results))
    order = [name for name in _FIRST if name in facts] + [name for name in facts if name not in _FIRST]
    rows = "".join(f"<tr><th>{_e(key)}</th><td>{_e(_plain(facts[key]))}</td></tr>" for key in order)
    return f"<h2>What was tested, and with what</h2><table class=about>{rows}</table>"


_FIRST = (
    "system", "protocols", "interface", "address", "control pilot", "SLAC", "started", "ended", "time in cases", "seed",
    "run with", "command",
)  # fmt: skip
"""The facts that a reader looks for first."""


def _moment(text: str) -> str:
    return text.replace("T", " ").replace("+00:00", " UTC")


def _span(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600} h {whole // 60 % 60:02} min" if whole >= 3600 else f"{whole // 60} min {whole % 60:02} s"


def _plain(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def _families(results: Sequence[Result]) -> str:
    """The table at the top of a test report: per family, the number of runs and their verdicts."""
    table: dict[str, collections.Counter[Verdict]] = {}
    for result in results:
        try:
            entry = case(result.case)
            name = f"{TITLES.get(result.protocol, ', '.join(entry.protocols))}: {entry.family}"
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


def _conflicts(results: Sequence[Result]) -> str:
    found = [r for r in results if "field_conflict" in r.tags and r.verdict is Verdict.FAIL]
    if not found:
        return ""
    names = ", ".join(f"<code>{_e(result.run)}</code>" for result in found)
    return (
        "<p>Failed cases that shipping equipment is known to fail on purpose, because rejecting would break real"
        f" vehicles: {names}.</p>"
    )


def _word(result: Result) -> str:
    return WORDS[result.verdict] + (f" with {result.severity.word}" if result.severity is not None else "")


def _runs(results: Sequence[Result], places: Mapping[str, str]) -> str:
    if not results:
        return ""
    number = counts(results)
    boxes = "".join(
        f'<label><input type=checkbox value="{v.word}" checked> <span class="{v.word}">{WORDS[v]}</span> {number[v]}'
        "</label>"
        for v in reversed(Verdict)
        if number[v]
    )
    heads = "".join(
        f"<th{' class=n' if name in ('no.', 's') else ''}>{name}</th>"
        for name in ("no.", "verdict", "case", "title", "requirements", "s", "reason, findings", "evidence")
    )
    rows = "".join(
        f'<tr data-verdict="{r.verdict.word}"><td class=n>{number}</td>'
        f'<td class="{r.verdict.word}" data-key="{9 - r.verdict}{not r.findings:d}">{_word(r)}</td>'
        f'<td><a href="#{_e(r.run)}"><code>{_broken(r.run)}</code></a></td><td>{_e(r.title)}</td>'
        f"<td>{_e(', '.join(r.requirements))}</td><td class=n>{r.seconds:.1f}</td>"
        f"<td>{_e('; '.join([*([r.reason] if r.reason else []), *map(str, r.findings)]))}</td>"
        f"<td>{_links(r, places)}</td></tr>"
        for number, r in enumerate(results, 1)
    )
    return (
        f"<h2>All runs</h2><div class=filter>{boxes}<input type=search id=words placeholder='words in any column'>"
        f"<span class=quiet id=count></span></div><table id=runs><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
        "</table>"
    )


def _broken(name: str) -> str:
    """A long name that may wrap onto the next line."""
    return _e(name).replace("_", "_<wbr>")


def _links(result: Result, places: Mapping[str, str]) -> str:
    if (place := places.get(result.run)) is None:
        return ""
    return f'<a href="{_e(place)}trace.pcapng">packets</a> <a href="{_e(place)}trace.jsonl">trace</a>'


def _details(result: Result, places: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><td>{_e(expected)}</td><td>{_e(observed)}</td></tr>"
        for expected, observed in zip(result.expected, result.observed, strict=False)
    )
    lines = [f'<p class="{result.verdict.word}">{_e(result.reason)}</p>' if result.reason else ""]
    lines += [f"<p>finding, {_e(finding)}</p>" for finding in result.findings]
    lines += [f"<p>hint: {_e(result.look)}</p>" if result.look else ""]
    lines += [f"<p class=quiet>not seen on this bench: {_e(text)}</p>" for text in result.not_observed]
    if result.requirements:
        lines.append(f"<p class=quiet>requirements: {_e(', '.join(result.requirements))}</p>")
    lines.append(_course(result))
    if rows:
        lines.append(f"<table><tr><th>expected</th><th>observed</th></tr>{rows}</table>")
    when = f", {_e(_moment(result.started))}" if result.started else ""
    again = f", run {result.attempts} times" if result.attempts > 1 else ""
    lines.append(f"<p class=quiet>{result.seconds:.3f} s{when}{again} {_links(result, places)}</p>")
    mark = " open" if result.verdict > Verdict.INCONC else ""
    return (
        f'<details id="{_e(result.run)}"{mark}><summary><span class="{result.verdict.word}">{_word(result)}</span>'
        f" <code>{_e(result.run)}</code> {_e(result.title)}</summary><div class=run>{''.join(lines)}</div></details>"
    )


def _course(result: Result) -> str:
    """What the case does, from the catalogue."""
    try:
        entry = case(result.case)
    except KeyError:
        return ""
    text = course(entry, entry.stimulus)
    return f"<p class=quiet>{_e(text)}</p>" if text else ""


def _missing(missing: Sequence[str]) -> str:
    if not missing:
        return ""
    names = ", ".join(f"<code>{_e(name)}</code>" for name in missing)
    return f"<h2>Not run yet</h2><details><summary>{counted(len(missing), 'run')}</summary>{names}</details>"


def _left(left: Mapping[str, Mapping[str, str]]) -> str:
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


def _declared(pics: Pics | None) -> str:
    """PICS, PIXIT and parameters: what was declared, then what was left at its default."""
    if pics is None:
        return "<h2>PICS and PIXIT</h2><p>Each case was run with what it needs to be declared.</p>"

    def rows(names: Iterable[str]) -> str:
        return "".join(
            f"<tr><td><code>{_e(name)}</code></td><td>{_e(_shown(pics[name]))}</td>"
            f"<td class=quiet>{_e(meaning(name))}</td></tr>"
            for name in names
        )

    head = "<table><tr><th>name</th><th>value</th><th>meaning, choices</th></tr>"
    kept = [name for name in DEFAULTS if name not in pics.declared]
    return (
        f"<h2>PICS and PIXIT</h2>{head}{rows(name for name in DEFAULTS if name in pics.declared)}</table>"
        f"<details><summary>{len(kept)} at their defaults</summary>{head}{rows(kept)}</table></details>"
    )


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
