"""What a step of ``expect`` wants, in words: ``PreChargeRes OK, within V2G_EVCC_Msg_Timeout_PreChargeReq (2 s)``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from plugfest.conformance.catalogue import words
from plugfest.conformance.catalogue.narrative import QUALIFIERS, joined, lasting
from plugfest.conformance.catalogue.steps import Step, step_text
from plugfest.conformance.verdict import Result

_SESSIONS = {
    "current": "", "any_valid": "", "new": "with a new session id",
    "previous": "with the session id of the paused session",
}  # fmt: skip


class Noting(Protocol):
    """A running case, as far as observations are recorded."""

    result: Result


MATCHING = "the matching response with"
"""Before a code: where any response may be due."""


def expected_text(step: Step) -> str:
    """What must be seen."""
    verb = next(iter(step))
    if verb == "recv":
        return _message(step)
    if verb not in WORDS:
        return step_text(step)
    text = WORDS[verb](step[verb])
    if "tcp_close" in step and verb != "tcp_close":
        text += f", then {WORDS['tcp_close'](step['tcp_close'])}"
    text += f" of {step['from']}" if "from" in step else ""
    text += f", within {lasting(str(step['within']))}" if "within" in step else ""
    return text + (f" to {step['to']}" if "to" in step else "")


def check_text(name: str) -> str:
    """What a check wants, by its name in the catalogue."""
    return str(words()["checks"].get(name, name))


def _message(step: Step) -> str:
    identity = str(step.get("session_id", "current"))
    told = [
        MATCHING if step["recv"] == "matching response" and "code" in step else str(step["recv"]),
        QUALIFIERS["code"](step["code"]) if "code" in step else "",
        _SESSIONS.get(identity, f"with session id {identity}"),
        *(QUALIFIERS[key](step[key]) for key in ("fields", "v2gtp", "times") if key in step),
    ]
    text = " ".join(joined(filter(None, told)))
    text += f", within {lasting(str(step['within']))}" if "within" in step else ""
    return text + (f", meeting {', '.join(map(str, step['check']))}" if "check" in step else "")


def _states(value: Any) -> str:
    return f"the pilot in {' or '.join(value) if isinstance(value, list) else value}"


WORDS: Mapping[str, Callable[[Any], str]] = {
    "tcp_close": lambda value: f"TCP closed within {lasting(str(value))}",
    "within_total": lambda value: f"an end within {lasting(str(value))}",
    "no_reply": lambda value: f"no answer for {lasting(str(value))}",
    "no_message": lambda value: f"no {' and no '.join(value) if isinstance(value, list) else value}",
    "not_before": lambda value: f"not before {lasting(str(value))}",
    "ev": lambda value: f"vehicle: {str(value).replace('EX.EV_GIVES_UP', 'gives up')}",
    "then": str,
    "trace": str,
    "power": lambda value: f"power: {value}",
    "profile": str,
    "until": str,
    "tls": lambda value: f"TLS: {value}",
    "energy_on": lambda value: "the output on",
    "energy_off": lambda value: "the output off",
    "energy_stop": lambda value: f"the output off within {lasting(str(value))}",
    "session_over": lambda value: f"no session {lasting(str(value))} later",
    "cp": _states,
    "cp_in": _states,
    "cp_duty": lambda value: f"a duty of {value}",
    "link": lambda value: f"the link {value}",
    "link_left": lambda value: f"the network left within {lasting(str(value))}",
}
"""What the verbs of an expectation want."""


def unseen(step: Step, what: str) -> Callable[[Noting], Awaitable[None]]:
    """A judgement of what this bench cannot see: it is reported, not judged."""

    async def judge(course: Noting) -> None:
        course.result.not_observed.append(f"{expected_text(step)}: {what} is not seen on this bench")

    return judge
