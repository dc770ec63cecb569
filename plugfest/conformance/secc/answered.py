"""What is wrong with the charger's response to a request, or with its absence."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.verdict import Failed
from plugfest.conformance.wire import Arrival, Wire, stream_title
from v2g import naming


def absence(wire: Wire, expected: str, stream: int, began: float, within: str) -> Failed:
    """Why no response came: the connection was closed, it came on another stream, or not in time.

    Args:
        expected: name of the response.
        stream: the one on which it should have come.
        began: loop time of the request.
        within: the limit, in words.
    """
    in_time = f"{expected} within {within}"
    if wire.closed_at is not None:
        after = wire.closed_at - began
        when = f"{after:.3f} s after the request" if after >= 0 else "before the request was complete"
        seen = wire.broken or f"the charger closed the connection {when}"
        cause = Cause.UNREADABLE if wire.broken else Cause.CLOSED
        return Failed(f"no {expected} came: {seen}", cause=cause, expected=in_time, observed=seen)
    strays = (one for one in wire.arrived if one.name == expected and one.stream != stream)
    if (stray := next((one for one in strays if one.time >= began), None)) is not None:
        text = f"{expected} came on {stream_title(stray.stream)}"
        wanted = f"{expected} on {stream_title(stream)}"
        return Failed(text, cause=Cause.WRONG_MESSAGE, expected=wanted, observed=text, at=stray.time)
    text = f"no {expected} came within {within}"
    return Failed(text, cause=Cause.NO_ANSWER, expected=in_time, observed="nothing")


def unreadable(arrival: Arrival, expected: str) -> Failed:
    """Something came instead of the response that is not a message."""
    text = f"an unreadable message came instead of {expected}: {arrival.note}"
    return Failed(text, cause=Cause.UNREADABLE, expected=expected, observed=arrival.note)


def wrong(arrival: Arrival, request: str, session_id: bytes) -> Failed | None:
    """What is not right about a response: type, ResponseCode or session id; None: it is the one of the good case."""
    expected = naming.response(request)
    if arrival.name != expected:
        text = f"{arrival.name} came in answer to {request}"
        return Failed(text, cause=Cause.WRONG_MESSAGE, expected=expected, observed=arrival.name)
    if not arrival.code.startswith("OK"):
        text = f"{expected} came with {arrival.code}"
        return Failed(text, cause=Cause.REFUSED, expected=f"{expected} OK", observed=arrival.code)
    if request != "SessionSetupReq" and arrival.session_id != session_id:
        ids = arrival.session_id.hex() or "empty", session_id.hex()
        return Failed(
            f"{expected} came with session id {ids[0]}",
            cause=Cause.WRONG_SESSION, expected=f"session id {ids[1]} of SessionSetupRes", observed=ids[0],
        )  # fmt: skip
    return None
