"""Names of messages: an exchange is a request and its response, alike but for the last three letters."""

from __future__ import annotations

_ENDS = ("Req", "Res")


def exchange(name: str) -> str:
    """``CurrentDemand`` for ``CurrentDemandReq`` and ``CurrentDemandRes``; any other name stays as it is."""
    return name[: -len(_ENDS[0])] if name.endswith(_ENDS) else name


def request(name: str) -> str:
    """The request of a response, or of an exchange."""
    return f"{exchange(name)}Req"


def response(name: str) -> str:
    """The response to a request, or of an exchange."""
    return f"{exchange(name)}Res"
