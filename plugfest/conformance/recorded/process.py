"""Rules on order, form and transport: whose they are, and what a recording has to hold so that one can be judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from plugfest.traces.chain.steps import WHO
from plugfest.traces.entries import EVCC, SECC, Entry, Recording
from plugfest.traces.talks import Talk, code_of
from v2g.status import refuses

Side = str
"""``evcc`` or ``secc``."""


@dataclass(frozen=True)
class View:
    """A recording as a judge of one side sees it.

    Attributes:
        recording: all of it.
        talks: its connections with messages.
        side: that is judged.
        roots: whether anchors of trust were given.
    """

    recording: Recording
    talks: tuple[Talk, ...]
    side: Side
    roots: bool = False

    @property
    def who(self) -> str:
        return WHO[self.side]

    @property
    def entries(self) -> Iterable[Entry]:
        """Messages of all connections, in order."""
        return (entry for talk in self.talks for entry in talk.entries)

    @property
    def own(self) -> list[Entry]:
        """Messages of the side, those that could not be read included."""
        return [entry for entry in self.entries if entry.sender == self.side]

    def layer(self, name: str) -> list[Entry]:
        """What happened on a layer."""
        return [entry for entry in self.recording.entries if entry.layer == name]


Needs = Callable[[View], str]
"""Why a rule cannot be judged; "" where it can."""


def messages(view: View) -> str:
    if view.own:
        return ""
    if view.layer("tls") and not any(view.entries):
        return "the messages are encrypted; give --key-log"
    return f"no message of {view.who} in the recording"


def session(view: View) -> str:
    named = [entry for entry in view.own if entry.session_id is not None and not entry.name.startswith("SessionSetup")]
    return messages(view) or ("" if named or view.side == SECC else f"no message of {view.who} after SessionSetup")


def handshake(view: View) -> str:
    seen = any(entry.schema == "appproto" for entry in view.own)
    return messages(view) or ("" if seen else "no supportedAppProtocol in the recording")


def refusal(view: View) -> str:
    refused = any(refuses(code_of(entry)) for entry in view.entries)
    return messages(view) or ("" if refused else "nothing was refused")


def out_of_order(view: View) -> str:
    said = any("SequenceError" in code_of(entry) for entry in view.own)
    return messages(view) or ("" if said else "no request was refused as out of order")


def signed(view: View) -> str:
    seen = any(entry.signature is not None for entry in view.own)
    return messages(view) or ("" if seen else f"no signed message of {view.who}")


def discovery(view: View) -> str:
    name = "SDPRequest" if view.side == EVCC else "SDPResponse"
    return "" if any(entry.name == name for entry in view.layer("sdp")) else f"no {name} in the recording"


def asked(view: View) -> str:
    """That a charger is silent proves something only where it, or its link, is known to be there."""
    if not any(entry.name == "SDPRequest" for entry in view.layer("sdp")):
        return "no SDPRequest in the recording"
    there = any(entry.layer != "slac" for entry in _captured(view, view.side))
    return "" if there else f"nothing from {view.who} above the power line: its link may not have been up"


def _captured(view: View, side: Side) -> Iterator[Entry]:
    """What a side has sent; that something is lost is noted for the side that sent it, and was not captured."""
    for entry in view.recording.entries:
        if entry.sender == side and (entry.layer, entry.name) != ("tcp", "lost"):
            yield entry


def uncaptured(view: View, side: Side) -> str:
    """A tap or a mirror port may show one direction alone: then a side is silent only to the recording."""
    seen = next(_captured(view, side), None) is not None
    return "" if seen else f"nothing that {WHO[side]} sent was captured"


def connection(view: View) -> str:
    there = view.layer("tcp") or view.talks
    return uncaptured(view, view.side) if there else "no TCP connection in the recording"


def tls(view: View) -> str:
    return "" if view.layer("tls") else "no TLS in the recording"


def security(view: View) -> str:
    """What was secured, or should have been: the messages say which protocol it is."""
    return uncaptured(view, view.side) or ("" if view.talks else tls(view) or messages(view))


def anchored(view: View) -> str:
    return tls(view) or ("" if view.roots else "no roots to trust; give --roots")


def slac(view: View) -> str:
    frames = view.layer("slac")
    if any(entry.sender == view.side for entry in frames):
        return ""
    return f"no frame of {view.who} in the matching" if frames else "no matching (SLAC) in the recording"


BOTH = (EVCC, SECC)


@dataclass(frozen=True)
class Process:
    """One rule of :data:`plugfest.traces.checks.RULES`.

    Attributes:
        sides: whose it is.
        needs: what a recording has to hold.
        asks: what it asks for, where a content rule has the same name.
    """

    sides: tuple[Side, ...]
    needs: Needs = messages
    asks: str = ""


PROCESS: Mapping[str, Process] = {
    "order": Process((EVCC,)),
    "handshake-order": Process((EVCC,), handshake),
    "response-type": Process((SECC,)),
    "unasked": Process((SECC,)),
    "unanswered": Process(BOTH),
    "twice": Process(BOTH),
    "sequence-error": Process((SECC,), out_of_order),
    "after-refusal": Process(BOTH, refusal),
    "session-id": Process(BOTH, session),
    "undecodable": Process(BOTH),
    "not-a-message": Process(BOTH),
    "schema": Process(BOTH),
    "signature": Process(BOTH, signed, "signatures are valid, and present where required"),
    "signature-form": Process(BOTH, signed),
    "certificate-path": Process(BOTH, anchored),
    "sdp": Process(BOTH, discovery),
    "sdp-count": Process((EVCC,), discovery),
    "sdp-port": Process((SECC,), discovery),
    "sdp-followed": Process((EVCC,), discovery),
    "sdp-unanswered": Process((SECC,), asked),
    "tcp": Process((SECC,), connection),
    "tls": Process(BOTH, security),
    "tls-version": Process((SECC,), tls),
    "tls-suite": Process((SECC,), tls),
    "v2gtp": Process(BOTH, connection),
    "v2gtp-type": Process(BOTH, connection),
    "slac-value": Process(BOTH, slac),
    "slac-count": Process((EVCC,), slac),
    "slac-match": Process(BOTH, slac),
    "slac-key": Process(BOTH, slac),
}
"""By name. What is not here tells what happened in a session, and is not a rule that one side keeps or breaks."""
