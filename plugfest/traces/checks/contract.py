"""Payment by contract: checks every signature with the certificates that the session itself contains.

Whether these certificates lead to a trusted root is a separate question (``--roots``): a recording has no roots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pki.loading import Unreadable, readable
from plugfest.traces.certificates import sent
from plugfest.traces.entries import Entry
from plugfest.traces.findings import Finding, about
from plugfest.traces.proofs import Held, Presented, Signed, says_nothing, signatures
from plugfest.traces.talks import Talk


def proofs(talk: Talk) -> Iterator[Finding]:
    """Signatures that are invalid, missing or not required; certificates that cannot be read.

    The last finding is a note: how many signatures are valid.
    """
    held: list[Entry] = []
    for one in signatures(talk.entries):
        if one.held is Held.HOLDS and not one.notes:
            held.append(one.entry)
        elif (finding := _finding(one)) is not None:
            yield finding
    for entry in talk.entries:
        yield from _unusable(entry)
    if held:
        text = (
            "the session's signatures are valid"
            if len(held) == 1
            else f"all {len(held)} signatures that could be checked are valid"
        )
        yield about(held[-1], "note", "", "signatures", text)


def _finding(one: Signed) -> Finding | None:
    """What is wrong with the signature of a message; None if another rule reports it."""
    entry, name = one.entry, one.entry.name
    match one.held:
        case Held.MISSING if entry.schema == "iso2" and name == "AuthorizationReq":
            return None  # a rule of v2g.rules.payment
        case Held.MISSING:
            return about(entry, "violation", entry.sender, "signature", f"{name} is not signed")
        case Held.NEEDLESS:
            text = f"{one.why}; some vehicles leave the last one there"
            return about(entry, "note", entry.sender, "signature-noise", text)
        case Held.UNCHECKED:
            return about(entry, "note", entry.sender, "signature-unchecked", f"{name}: {one.why}")
        case Held.BROKEN:
            return about(entry, "violation", entry.sender, "signature", f"{name}: {one.why}")
        case Held.HOLDS:
            text = "; ".join(f"{kind}: {note}" for kind, note in one.notes)
            return about(entry, "warning", entry.sender, "signature-form", f"{name}: {text}")


def _unusable(entry: Entry) -> Iterator[Finding]:
    """Certificates that cannot be read, so that refusing them is right. A refusal may fill its fields with anything."""
    if entry.message is None or entry.schema not in ("iso2", "iso20-common") or says_nothing(entry.body):
        return
    for field, _, ders in sent(entry):
        for place, one in enumerate(readable(ders), 1):
            if isinstance(one, Unreadable):
                text = f"{field}: certificate {place} cannot be used: {one.defect}"
                yield about(entry, "violation", entry.sender, "certificate", text)


def untrusted(presented: Sequence[Presented]) -> Iterator[Finding]:
    """Chains that a peer with the given roots must refuse; a warning, because the peer may have other roots."""
    for one in presented:
        if one.refused and not isinstance(one.certificates[0], Unreadable):
            text = f"{one.field}: the chain of {one.leaf} ({one.place}) {one.verdict}"
            yield about(one.entry, "warning", one.entry.sender, "certificate-path", text)
