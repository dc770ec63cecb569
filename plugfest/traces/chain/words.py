"""The parts that make up the sentences of a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence

from plugfest.traces.entries import Entry
from plugfest.traces.talks import TITLES, code_of
from v2g.protocols import PROTOCOLS


def title_of(namespace: str) -> str:
    """The common name of a protocol, by its namespace."""
    known = {p.namespace: p.title for p in PROTOCOLS.values()}
    if namespace in known:
        return known[namespace]
    return TITLES["iso20"] if namespace.startswith("urn:iso:std:iso:15118:-20:") else namespace


def answer(entry: Entry | None) -> str:
    """A message with its code and state."""
    if entry is None:
        return "nothing"
    words = [code_of(entry), str(getattr(entry.body, "EVSEProcessing", "") or "")]
    return " ".join([entry.name, *filter(None, words)])


def listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def time_text(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def short(text: str, longest: int = 200) -> str:
    """A finding's text within a sentence; alternatives are left to the list of findings."""
    if len(text) > longest:
        text = text.partition("; expected ")[0]
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
