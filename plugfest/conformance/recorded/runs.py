"""Runs of the catalogue whose stimulus comes up in any session, read out of a recording; the others need a tester.

A run is judged where its stimulus and the message that it expects are in the recording, and then by the rows behind
each of its checks: it passes where these are kept, and fails with one that is broken. Nothing else is concluded: a
message that is missing may not have been due, and a refusal may have been right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plugfest.conformance.catalogue import Case, Run, runs
from plugfest.conformance.catalogue.protocols import WORDS
from plugfest.conformance.fields import found
from plugfest.conformance.recorded.process import View
from plugfest.conformance.recorded.proofs import ANSWER, PROOFS, TRACES
from plugfest.conformance.recorded.told import differs, told
from plugfest.traces.entries import SECC
from plugfest.traces.talks import Exchange, Talk, code_of
from v2g import naming
from v2g.status import refuses

STIMULUS = "needs a tester: its stimulus does not occur by itself"
UNSEEN = "needs a tester: what it expects is not in a recording"
PLACES = {"ChargingLoop": ("CurrentDemand", "ChargingStatus"), "ChargeLoop": ("DC_ChargeLoop", "AC_ChargeLoop"),
          "ChargeParameterDiscovery": ("ChargeParameterDiscovery", "DC_ChargeParameterDiscovery",
                                       "AC_ChargeParameterDiscovery"),
          "SAP": ("supportedAppProtocol",), "TCP": ("",), "SDP": ("",), "LINK": ("",)}  # fmt: skip
"""State of a precondition -> what was said last, without Req; others are named like their message, "" is nothing."""
ELSEWHERE = re.compile(r"Resume|Renegotiat|Paused|Receipt|Certificate|Standby")
"""Preconditions that an ordinary session does not have."""
CODE = re.compile(r"[A-Z][A-Za-z_]+")
ORDINARY = {
    "as offered", "within EVSE limits", "battery voltage", "2 A at most", "that of the certificate",
    "EVCharging or absent", "per identification mode", "6 bytes", "the first offered", "from PaymentDetailsRes",
    "copied from that PMaxSchedule (at most 24 entries)", "contract key over AuthorizationReq",
}  # fmt: skip
"""Field values in words that any request has which keeps its own rules."""


@dataclass(frozen=True)
class Wanted:
    """A message that a run expects.

    Attributes:
        name: of the message.
        codes: one of which it has; empty: any good one.
        fields: that it has.
        asked: fields of the request that it answers; None: it answers none.
        rows: that it is checked against.
        after: what was said last before the request, without Req; empty: anything.
    """

    name: str
    codes: tuple[str, ...] = ()
    fields: tuple[tuple[str, Any], ...] = ()
    asked: tuple[tuple[str, Any], ...] | None = None
    rows: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def of_catalogue(view: View) -> list[Run]:
    """The runs of the side, in the protocols of the recording."""
    spoken = {talk.protocol for talk in view.talks}
    return [
        run
        for run in runs()
        if run.case.sut == view.side and (known := WORDS.get(run.protocol)) is not None and known.name in spoken
    ]


def checked(run: Run) -> list[Wanted] | str:
    """What a run expects, as far as a recording shows it, or why it needs a tester."""
    stimulus, expect = run.steps
    case = run.case
    if case.group not in ("good_case", "content") or case.setup or ELSEWHERE.search(" ".join(case.preconditions)):
        return STIMULUS
    asked: tuple[tuple[str, Any], ...] | None = None
    if case.sut == SECC:
        asked = _asked(stimulus)
        if asked is None:
            return STIMULUS
    elif any(not _plain(step) for step in stimulus):
        return STIMULUS
    after = tuple(name for text in case.preconditions for name in _place(text)) if case.sut == SECC else ()
    wanted = [_wanted(step, asked, after) for step in expect]
    return UNSEEN if None in wanted or not wanted else [one for one in wanted if one is not None]


def _place(precondition: str) -> tuple[str, ...]:
    """What was said last in a state like ``PC.PaymentServiceSelection.EIM``."""
    state = precondition.split(".")[1]
    return PLACES.get(state, (state,))


def _plain(step: Mapping[str, Any]) -> bool:
    """Whether a step of a charger's stimulus is what any session does."""
    if step == {"reply": "good case throughout"}:
        return True
    code = str(step.get("code", "OK"))
    once = step.get("fields", {}) in ({}, {"EVSEProcessing": "Finished"})
    return set(step) <= {"reply", "await", "code", "fields"} and code in ("OK", "OK_NewSessionEstablished") and once


def _asked(stimulus: Any) -> tuple[tuple[str, Any], ...] | None:
    """The fields that the one request of a stimulus has; None where it is not an ordinary one."""
    sends = [step for step in stimulus if "send" in step]
    others = [step for step in stimulus if "send" not in step and "while" not in step]
    if len(sends) != 1 or others or set(sends[0]) - {"send", "session_id", "fields", "v2gtp"}:
        return None
    fields = sends[0].get("fields") or {}
    if sends[0].get("session_id", "current") not in ("current", "zero") or sends[0].get("v2gtp", GOOD) != GOOD:
        return None
    if isinstance(fields, str):
        return () if fields == "empty body" else None
    if not all(_told(value) for value in fields.values()):
        return None
    return tuple((name, value) for name, value in fields.items() if value not in ORDINARY)


GOOD = {"version": "0x01", "inverse": "0xFE", "type": "0x8001"}
"""Header of V2GTP that every message has."""


def _told(value: Any) -> bool:
    """Whether a field value is one that can be compared."""
    if isinstance(value, str):
        return value in ORDINARY or value == "absent" or CODE.fullmatch(value) is not None
    return isinstance(value, (bool, int))


def _wanted(
    step: Mapping[str, Any], asked: tuple[tuple[str, Any], ...] | None, after: tuple[str, ...]
) -> Wanted | None:
    """What a step expects; None where a recording cannot show that."""
    if set(step) == {"trace"}:
        rows = TRACES.get(str(step["trace"]))
        return Wanted("SessionSetupReq", rows=rows) if rows is not None else None
    if set(step) - {"recv", "check", "within", "code", "fields", "session_id"} or "recv" not in step:
        return None
    words = [str(word) for word in step.get("check", ())]
    codes, fields = tuple(map(str, step.get("code", ()))), step.get("fields") or {}
    if any(word not in PROOFS for word in words) or not all(CODE.fullmatch(code) for code in codes):
        return None
    if not all(_told(value) and value not in ORDINARY for value in fields.values()):
        return None
    if re.fullmatch(r"\w+(Req|Res)", str(step["recv"])) is None or not (words or codes):
        return None
    rows = tuple(row for word in words for row in PROOFS[word]) + (ANSWER if asked is not None else ())
    return Wanted(str(step["recv"]), codes, tuple(fields.items()), asked, rows, after)


# ---------------------------------------------------------------------------------------------------------------
# Checked against a recording


def missing(view: View, case: Case, wanted: list[Wanted] | str) -> str:
    """Why a run cannot be judged by this recording, or ""."""
    if isinstance(wanted, str):
        return wanted
    why = [differs(case, told(talk)) for talk in view.talks]
    talks = [talk for talk, text in zip(view.talks, why, strict=True) if not text]
    if not talks:
        return next(iter(why), STIMULUS)
    absent = next((one for one in wanted if not any(_seen(view, talk, one) for talk in talks)), None)
    if absent is None:
        return ""
    name = f"{absent.name} with {' or '.join(absent.codes)}" if absent.codes else f"good {absent.name}"
    what = [*(absent.asked or ()), *absent.fields]
    having = f", and {', '.join(f'{name} {value}' for name, value in what)}," if what else ""
    return f"no {name}{having} in the recording"


def _seen(view: View, talk: Talk, one: Wanted) -> bool:
    """Whether a message of the side is in the recording, with a good code."""
    if one.name.startswith("SDP"):
        word = {"SDPReq": "SDPRequest", "SDPRes": "SDPResponse"}.get(one.name, one.name)
        return any(entry.name == word for entry in view.layer("sdp"))
    if one.asked is None:
        own = [entry for entry in talk.entries if entry.name == one.name and entry.body is not None]
        return any(_has(entry.body, one.fields) and not refuses(code_of(entry)) for entry in own)
    before = ""
    for exchange in talk.exchanges:
        stem = naming.exchange(exchange.name)
        if (not one.after or before in one.after) and _answers(exchange, one, talk):
            return True
        if exchange.response is None or getattr(exchange.response.body, "EVSEProcessing", "") != "Ongoing":
            before = stem
    return False


def _answers(exchange: Exchange, one: Wanted, talk: Talk) -> bool:
    request, response = exchange.request, exchange.response
    if request is None or response is None or request.body is None or response.body is None:
        return False
    code = code_of(response)
    good = code in one.codes if one.codes else not refuses(code)
    fits = _has(request.body, one.asked or ()) and _has(response.body, one.fields)
    named = (one.name, f"{talk.mode}_{one.name}")  # the catalogue has one name for both energies
    return response.name in named and good and fits


def _has(body: Any, fields: tuple[tuple[str, Any], ...]) -> bool:
    """Whether a message has these values."""
    for name, value in fields:
        try:
            given = found(body, name)
        except KeyError:
            return False
        if value == "absent" and given is not None:
            return False
        if str(value).startswith("PICS_CMN_CMN_EnergyTransferMode"):
            if not str(given).startswith(str(value)[-2:]):
                return False
        elif value != "absent" and str(given) != str(value):
            return False
    return True
