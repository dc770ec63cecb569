"""Findings as JUnit XML, for continuous integration: a test case per rule, failed if the rule was broken."""

from __future__ import annotations

from xml.etree import ElementTree

from boundary.text import no_attachment, visible
from plugfest.traces.checks import RULES, Finding
from plugfest.traces.entries import Recording


def junit(recording: Recording, findings: list[Finding], *, strict: bool = False) -> str:
    """The test suite of a recording.

    Args:
        strict: warnings fail too; otherwise they appear in the output of their case.
    """
    broken: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.severity != "note":
            broken.setdefault(finding.rule, []).append(finding)
    names = [*RULES, *(rule for rule in broken if rule not in RULES)]
    fails = {
        rule: [f for f in found if strict or f.severity == "violation"] for rule, found in broken.items()
    }  # fmt: skip
    empty = not recording.messages
    suite = ElementTree.Element(
        "testsuite", name=_text(recording.name), tests=str(len(names) + 1), errors="0", skipped="0",
        failures=str(sum(bool(found) for found in fails.values()) + empty), time=f"{recording.seconds:.3f}",
    )  # fmt: skip
    case = ElementTree.SubElement(suite, "testcase", classname="plugfest.trace", name="messages")
    if empty:
        ElementTree.SubElement(case, "failure", message="no V2G message to judge")
    for rule in names:
        title = f"{rule}: {RULES[rule]}" if rule in RULES else rule
        case = ElementTree.SubElement(suite, "testcase", classname="plugfest.trace", name=title)
        if fails.get(rule):
            failure = ElementTree.SubElement(case, "failure", message=_text(fails[rule][0].full))
            failure.text = "\n".join(_text(str(f)) for f in fails[rule])
        elif rule in broken:
            ElementTree.SubElement(case, "system-out").text = "\n".join(_text(str(f)) for f in broken[rule])
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _text(text: str) -> str:
    """Text that XML can carry, and which attaches no file."""
    return no_attachment(visible(text))
