"""The counterpart of the interop tests: an independent implementation in its own environment (``make interop``)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from netns import AVAILABLE

VENV = os.environ.get("PLUGFEST_PEER_VENV", "")
PEER = Path(__file__).parent / "interop" / "peer.py"
"""The script that runs in it."""

MARKS = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not VENV or not AVAILABLE or shutil.which("java") is None,
        reason="needs PLUGFEST_PEER_VENV (make interop sets it up), root, network namespaces and Java",
    ),
]
