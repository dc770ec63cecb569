"""The content of messages: schema and facets, and the content rules that the roles also follow (:mod:`v2g.rules`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import exi
from plugfest.traces.findings import Finding, about
from plugfest.traces.talks import Talk
from v2g.messages import schema as schema_of
from v2g.rules.facts import Facts
from v2g.rules.missed import behind_gap
from v2g.rules.table import hear
from v2g.session import FACET


def schema(talk: Talk) -> Iterator[Finding]:
    """Every message decodes, in the standard's dialect, and satisfies the facets of its schema."""
    seen: set[str] = set()
    broken: dict[str, str] = {}  # a field and what is wrong with it -> who sent it first
    for entry in talk.entries:
        if entry.message is None:
            rule = "undecodable" if entry.document is None else "not-a-message"
            yield about(entry, "violation", entry.sender, rule, entry.note or "the payload is not a message")
            continue
        try:
            _, notes = exi.examine(schema_of(entry.schema), entry.data)
        except (exi.DecodeError, KeyError):
            continue  # what was sent was made on purpose, and is shown as intended
        for name, note in notes:
            # A broken facet is reported below as such.
            if name != FACET and f"{entry.name} {name}" not in seen:
                seen.add(f"{entry.name} {name}")
                yield about(entry, "warning", entry.sender, f"dialect-{name}", f"{entry.name}: {note}")
        try:
            exi.encode(schema_of(entry.schema), entry.message)
        except exi.EncodeError as why:
            text = str(why)
            first = broken.setdefault(text.rpartition("/")[2], entry.sender)
            if f"{entry.name} {text}" not in seen:
                seen.add(f"{entry.name} {text}")
                if first == entry.sender:
                    yield about(entry, "violation", entry.sender, "schema", f"{entry.name}: {text}")
                else:  # it sends back what it received
                    yield about(entry, "note", entry.sender, "schema", f"{entry.name}: {text}; as it was sent")


def rules(talk: Talk) -> Iterator[Finding]:
    """Checks every message against the table of content rules; findings that differ only in numbers become one."""
    facts = Facts(secure=talk.secure if talk.others else None)
    found: dict[tuple[str, ...], Finding] = {}
    gaps = sorted(gap.start for gap in talk.gaps)
    for entry in talk.entries:
        while gaps and entry.index > gaps[0]:  # from here on, missing messages may have been sent anyway
            facts = behind_gap(facts)
            gaps.pop(0)
        if entry.message is None:
            continue
        breaches = hear(
            facts,
            entry.body,
            protocol=entry.schema,
            now=entry.time,
            session_id=entry.session_id,
            signed=entry.signature is not None,
            stream=entry.stream,
        )
        for breach in breaches:
            rule = breach.rule
            key = (rule.name, rule.side, entry.name, re.sub(r"[0-9.,]+", "", breach.text))
            first = found.get(key)
            if first is None:
                found[key] = about(entry, rule.severity, rule.side, rule.name, breach.text, breach.requirement)
            else:
                found[key] = replace(first, count=first.count + 1, last=entry.time, last_entry=entry.index)
    yield from found.values()
