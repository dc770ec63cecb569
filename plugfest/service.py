"""A JSON service over HTTP: POST, one object each way.

It is trusted no further than its answer: redirects are not followed, because only this service may see a request; size
and time are bounded, even if it sends a byte now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from boundary.errors import InputError
from boundary.read import parse_json

LARGEST = 262144
"""Bytes of an answer; those of OCPP have some ten thousand."""


def post_to(url: str, seconds: float) -> Any:
    """How to ask a service.

    Args:
        url: http or https. seconds: how long it may stay silent, and how long its whole answer may take.
    """

    async def post(question: Mapping[str, Any]) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Mapping[str, Any]] = loop.create_future()

        def tell(outcome: Mapping[str, Any] | OSError) -> None:
            if answer.done():  # nobody is waiting any longer
                return
            if isinstance(outcome, OSError):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        def work() -> None:
            outcome: Mapping[str, Any] | OSError = OSError(f"{url} was not queried")
            try:
                outcome = _post(url, question, seconds)
            except OSError as why:
                outcome = why
            finally:  # whatever happens here, somebody is waiting for it
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(tell, outcome)

        # Not in the loop's pool, which would at the end wait for a silent service.
        threading.Thread(target=work, daemon=True).start()
        return await answer

    return post


class _Stays(urllib.request.HTTPRedirectHandler):
    """Does not follow redirects: a redirect is an answer with another status."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stays)


def _post(url: str, question: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
    """Sends one request.

    Raises:
        OSError: no answer, another status than 200, or no JSON object.
    """
    request = urllib.request.Request(
        url, json.dumps(question).encode(), {"Content-Type": "application/json", "Accept": "application/json"}
    )
    try:
        with _OPENER.open(request, timeout=seconds) as response:
            data = _whole(response, url, time.monotonic() + seconds)
    except urllib.error.HTTPError as why:
        why.close()
        raise OSError(f"{url} answered {why.code}") from why
    except (http.client.HTTPException, ValueError) as why:
        raise OSError(f"{url}: {type(why).__name__}: {why}") from why
    try:
        answer = parse_json(data, url)
    except InputError as why:
        raise OSError(f"the answer of {url} is not JSON") from why
    if not isinstance(answer, dict):
        raise OSError(f"the answer of {url} is not a JSON object")
    return answer


def _whole(response: http.client.HTTPResponse, url: str, until: float) -> bytes:
    """The body of an answer.

    Raises:
        OSError: it is too long, or takes too long.
    """
    data = bytearray()
    while part := response.read1(65536):
        data += part
        if len(data) > LARGEST:
            raise OSError(f"the answer of {url} has more than {LARGEST} bytes")
        if time.monotonic() > until:
            raise OSError(f"{url} takes too long to answer")
    return bytes(data)
