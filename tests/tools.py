"""Programs from outside that some tests need: where they are, and why a test is skipped without."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from processes import CEILING

TSHARK = shutil.which("tshark")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

needs_tshark = pytest.mark.skipif(TSHARK is None, reason="needs tshark (Debian package tshark)")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian package chromium)")


def tshark(path: Path, *options: str) -> str:
    """What tshark prints about a capture."""
    assert TSHARK is not None
    command = [TSHARK, "-r", str(path), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=CEILING).stdout
