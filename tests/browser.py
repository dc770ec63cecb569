"""A headless Chromium for tests of the panel, driven by Playwright; both may be missing."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from processes import CEILING
from tools import CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PLAYWRIGHT = importlib.util.find_spec("playwright") is not None
WEB = importlib.util.find_spec("starlette") is not None and importlib.util.find_spec("uvicorn") is not None

needs_web = pytest.mark.skipif(not WEB, reason="needs the extra plugfest[web]")


def needs_browser(test: object) -> object:
    """A mark for tests that drive a browser."""
    why = (
        "needs Chromium (Debian package chromium)" if CHROMIUM is None else "needs playwright (pip install playwright)"
    )
    return pytest.mark.skipif(CHROMIUM is None or not PLAYWRIGHT or not WEB, reason=why)(test)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, as long as the context is open."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=CEILING * 1000)
        try:
            yield browser
        finally:
            browser.close()
