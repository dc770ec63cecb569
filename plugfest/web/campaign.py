"""A campaign in the browser: its table of verdicts fills up, and the evidence of each run is one click away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from boundary.text import shortened
from plugfest.conformance.campaign.campaign import Progress
from plugfest.conformance.campaign.outcome import WORDS
from plugfest.conformance.campaign.storage import safe
from plugfest.conformance.verdict import Result
from plugfest.progress import left
from plugfest.web import server
from plugfest.web.address import Address
from plugfest.web.hub import Hub

LONGEST = 500
LOOK = 0.1
"""s between two checks for viewers."""


class CampaignPanel:
    """What a campaign shows.

    Args:
        web: the address to listen on.
        title: what is tested. folder: where the evidence is.
        also: receives the same progress.
    """

    def __init__(self, web: str, title: str, folder: Path, also: Callable[[Progress], None]) -> None:
        self.hub = Hub({"title": title, "kind": "campaign", "role": "", "actions": []})
        self._also = also
        self._server = server.Server(Address.parse(web), self.hub, folder)

    @contextlib.contextmanager
    def running(self, say: Callable[[str], None]) -> Iterator[None]:
        """Serves while the context is open, and then until the last page is closed.

        Raises:
            UserError: the address cannot be used.
        """
        self._server.start()
        try:
            say(f"panel: {self._server.url}")
            yield
            self.hub.over = True
            self.hub.state({"under": "", "left": "", "done": None, "total": None, "over": True})
            self._server.tell_of_lingering(say)
            with contextlib.suppress(KeyboardInterrupt):
                while self._server.looked_at:
                    time.sleep(LOOK)
        finally:
            self._server.stop()

    def known(self, results: Iterable[Result]) -> None:
        """Adds runs that were done before."""
        for result in results:
            self._row(result)

    def __call__(self, progress: Progress) -> None:
        """Takes the progress reported to `Campaign.tell`."""
        self._also(progress)
        if progress.result is not None:
            self._row(progress.result)
        under = progress.run.id if progress.result is None else ""
        self.hub.state(
            {"under": under, "left": left(progress.left), "done": progress.done, "total": progress.total, "over": False}
        )

    def _row(self, result: Result) -> None:
        self.hub.run(
            {
                "run": result.run,
                "title": shortened(result.title, LONGEST),
                "verdict": result.verdict.word,
                "word": WORDS[result.verdict],
                "reason": shortened(result.reason, LONGEST),
                "cause": shortened(result.cause, LONGEST),
                "findings": [shortened(text, LONGEST) for text in result.findings[:20]],
                "judged": self._judged(result),
                "seconds": round(result.seconds, 1),
                "evidence": f"/evidence/cases/{quote(safe(result.run))}/",
            }
        )

    @staticmethod
    def _judged(result: Result) -> list[dict[str, Any]]:
        return [
            {"expected": shortened(expected, LONGEST), "observed": shortened(observed, LONGEST)}
            for expected, observed in list(zip(result.expected, result.observed, strict=False))[:50]
        ]
