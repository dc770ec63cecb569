"""Runs of the catalogue that ask for no stimulus, read out of a recording; the others need a tester.

A run is passed where its message is in the recording and the rules behind each of its checks are kept; it fails with
one of those rules. Nothing else is concluded: a message that is missing may not have been due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plugfest.conformance.catalogue import Run, runs
from plugfest.conformance.catalogue.protocols import WORDS
from plugfest.conformance.recorded.process import View
from plugfest.traces.talks import code_of

PROOFS: Mapping[str, tuple[str, ...]] = {
    "SESSIONID_NONZERO": ("session-id",),
    "SAP_SCHEMAID_OFFERED": ("schema-id", "missing-schema-id"),
    "SDP_ADDRESS": ("sdp", "sdp-port"),
    "EV_SAP_LIST": ("offer-twice",),
    "EV_SESSION_ID": ("session-id",),
    "EV_REQUEST_CONTENT": ("schema", "undecodable", "limits"),
    "EV_TIMESTAMP": ("time-stamps",),
    "EV_SELECTS_OFFERED": ("payment-not-offered", "service-not-offered", "parameter-set-not-offered"),
    "EV_PARAMS_CONSISTENT": ("limits", "mode-not-offered"),
    "EV_PROFILE_WITHIN_PMAX": ("profile-above-pmax", "schedule-not-offered"),
    "EV_AUTH_SIGNATURE": ("signature",),
    "EV_GENCHALLENGE_ECHO": ("challenge",),
    "EV_RECEIPT_SIGNATURE": ("signature",),
    "EV_RECEIPT_ECHO": ("receipt",),
}
"""Check of the vocabulary -> the rules that a recording holds it against; all that it asks for is in them."""

STIMULUS = "needs a tester: its stimulus does not come up by itself"


def of_catalogue(view: View) -> list[Run]:
    """The runs of the side, in the protocols of the recording."""
    spoken = {talk.protocol for talk in view.talks}
    return [
        run
        for run in runs()
        if run.case.sut == view.side and (known := WORDS.get(run.protocol)) is not None and known.name in spoken
    ]


def checked(run: Run) -> list[tuple[str, tuple[str, ...]]]:
    """The messages of a run with the rules that it holds each against; empty where a recording cannot do that."""
    stimulus, expect = run.steps
    if run.case.group != "good_case" or any(not _plain(step) for step in stimulus):
        return []
    found = []
    for step in expect:
        words = [str(word) for word in step.get("check", ())]
        if set(step) - {"recv", "check", "within", "code"} or not words or any(word not in PROOFS for word in words):
            return []
        found.append((str(step["recv"]), tuple(rule for word in words for rule in PROOFS[word])))
    return found


def _plain(step: Mapping[str, Any]) -> bool:
    """Whether a step of a stimulus is what any session does."""
    return set(step) <= {"send", "reply", "await"} and not (set(step) == {"send"} and step["send"] == "")


def seen(view: View, name: str) -> bool:
    """Whether a message of the side is in the recording, with a good code."""
    if name.startswith("SDP"):
        word = {"SDPReq": "SDPRequest", "SDPRes": "SDPResponse"}.get(name, name)
        return any(entry.name == word for entry in view.layer("sdp"))
    return any(entry.name == name and not code_of(entry).upper().startswith("FAILED") for entry in view.own)


def missing(view: View, wanted: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """Why a run cannot be judged by this recording, or ""."""
    if not wanted:
        return STIMULUS
    absent = [name for name, _ in wanted if not seen(view, name)]
    return f"no good {absent[0]} in the recording" if absent else ""
