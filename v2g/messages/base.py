"""What the request and response classes of all protocols share: a request knows the type of its response."""

from typing import Generic, TypeVar

R = TypeVar("R")


class Request(Generic[R]):
    """Mixin of a request: ``class PreChargeReq(..., Request["PreChargeRes"])`` makes
    ``await session.request(PreChargeReq(...))`` a ``PreChargeRes`` to type checkers."""

    __slots__ = ()


class Response:
    """Mixin of a response."""

    __slots__ = ()


__all__ = ["Request", "Response"]
