"""The evidence of a campaign: a page for readers (:mod:`.page`), JUnit XML, and one zip with everything.

All of it is made from the files in the folder, so merged shards and interrupted campaigns are reported the same way.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree

from boundary import read
from boundary.errors import InputError
from boundary.text import dumps, no_attachment, visible_lines
from boundary.write import replacing
from boundary.write import write as write_file
from plugfest.conformance.campaign.outcome import apart, common_cause_text, counts
from plugfest.conformance.campaign.page import Content, page
from plugfest.conformance.campaign.storage import INFO, LEFT_OUT, PLAN, read_results, safe
from plugfest.conformance.catalogue.pics import load
from plugfest.conformance.verdict import Result, Verdict


def leave_out(folder: Path, runs: Iterable[tuple[Any, str]]) -> None:
    """Records which runs are not executed, and why."""
    data = {run.id: {"title": run.title, "reason": why} for run, why in runs}
    write_file(folder / LEFT_OUT, dumps(data, indent=0) + "\n", public=True)


def left_out(folder: Path) -> dict[str, dict[str, str]]:
    """Reads what :func:`leave_out` wrote."""
    path = folder / LEFT_OUT
    data: dict[str, dict[str, str]] = read.read_json(path) if path.exists() else {}
    return _checked(path, data, dict)


def info(folder: Path) -> dict[str, Any]:
    """What is known about the campaign as a whole."""
    path = folder / INFO
    data: dict[str, Any] = read.read_json(path) if path.exists() else {}
    return _checked(path, data, dict)


def plan(folder: Path, runs: Iterable[Any]) -> None:
    """Records which runs are to be executed, in addition to those planned before."""
    names = dict.fromkeys([*planned(folder), *(run.id for run in runs)])
    write_file(folder / PLAN, dumps(list(names), indent=0) + "\n", public=True)


def planned(folder: Path) -> list[str]:
    """Reads what :func:`plan` wrote."""
    path = folder / PLAN
    data: list[str] = read.read_json(path) if path.exists() else []
    return _checked(path, data, list)


_T = TypeVar("_T")


def _checked(path: Path, data: _T, kind: type[Any]) -> _T:
    """The data of a campaign file, checked to be of this type. Raises InputError: it is not."""
    inside = data.values() if isinstance(data, dict) and path.name == LEFT_OUT else ()
    if not isinstance(data, kind) or not all(isinstance(item, dict) for item in inside):
        raise InputError(str(path), "not written by a campaign; remove it, and the campaign continues without it")
    return data


def write(folder: Path) -> tuple[Path, Path, Path]:
    """Writes ``report.html``, ``junit.xml`` and ``FOLDER.zip``; returns their paths.

    Raises:
        OutputError: the folder cannot be written.
    """
    results = read_results(folder)
    target, junit = folder / "report.html", folder / "junit.xml"
    declared = folder / "pics.yaml"
    content = Content(
        list(results.values()), info(folder), left_out(folder),
        [name for name in planned(folder) if name not in results],
        load(declared) if declared.exists() else None,
        {run: f"cases/{safe(run)}/" for run in results if (folder / "cases" / safe(run)).is_dir()},
    )  # fmt: skip
    write_file(target, page(content))
    write_file(junit, junit_xml(content.results, content.about, content.places), public=True)
    return target, junit, pack(folder)


def pack(folder: Path) -> Path:
    """One zip with everything in the folder."""
    target = folder.with_name(folder.name + ".zip")
    with replacing(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, Path(folder.name) / path.relative_to(folder))
    return target


# ---------------------------------------------------------------------------------------------------------------
# JUnit


def junit_xml(
    results: Sequence[Result], about: Mapping[str, Any] | None = None, places: Mapping[str, str] | None = None
) -> bytes:
    """Results as JUnit XML: inconclusive becomes skipped; findings, expectation and observation go to system-out.

    Args:
        about: facts about the campaign, for the properties of the suite.
        places: run -> folder of its evidence.
    """
    number, about = counts(results), about or {}
    totals: dict[str, str] = {
        "tests": str(len(results)),
        "failures": str(number[Verdict.FAIL]),
        "errors": str(number[Verdict.ERROR]),
        "skipped": str(number[Verdict.INCONC] + number[Verdict.NONE]),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": "plugfest conformance", **totals})
    name = _printable(str(about.get("system", "system under test")))
    suite = ElementTree.SubElement(root, "testsuite", {"name": name, **totals})
    if began := min((result.started for result in results if result.started), default=""):
        suite.set("timestamp", began.removesuffix("+00:00"))
    if host := about.get("host"):
        suite.set("hostname", str(host))
    about = {**about, **({"common cause": cause} if (cause := common_cause_text(results)) else {})}
    if broken := "; ".join(apart(results)):
        about["broken whatever was tested"] = broken
    if about:
        properties = ElementTree.SubElement(suite, "properties")
        for key, value in about.items():
            ElementTree.SubElement(properties, "property", name=key, value=_printable(str(value)))
    for result in results:
        _entry(suite, result, (places or {}).get(result.run))
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data


_TAGS = {Verdict.FAIL: "failure", Verdict.ERROR: "error", Verdict.INCONC: "skipped", Verdict.NONE: "skipped"}


def _entry(suite: ElementTree.Element, result: Result, place: str | None) -> None:
    """One run."""
    entry = ElementTree.SubElement(
        suite, "testcase", classname=result.case, name=result.run, time=f"{result.seconds:.3f}"
    )
    if (tag := _TAGS.get(result.verdict)) is not None:
        ElementTree.SubElement(
            entry, tag, message=_printable(result.reason), type=result.cause.value
        ).text = _printable(result.look)
    lines = [f"finding, {finding}" for finding in result.findings]
    if result.verdict is not Verdict.PASS or result.findings:
        lines += [f"{result.title}; requirements: {', '.join(result.requirements) or 'none named'}"]
        pairs = zip(result.expected, result.observed, strict=False)
        lines += [f"expected: {expected}; observed: {observed}" for expected, observed in pairs]
    told = [_printable(line) for line in lines]
    if told:
        # GitLab and Jenkins show such lines as attachments.
        told += [f"[[ATTACHMENT|{place}{name}]]" for name in ("trace.pcapng", "trace.jsonl") if place]
        ElementTree.SubElement(entry, "system-out").text = "\n".join(told)


def _printable(text: str) -> str:
    """Lines without characters that XML forbids or a terminal acts on, and which attach no file."""
    return no_attachment("\n".join(visible_lines(text)))
