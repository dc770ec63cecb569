"""The example scripts run, and show what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

SAYS = {"wrong_order.py": "charger: peer: ServiceDiscoveryReq refused, FAILED_SequenceError"}
"""Words that the output must hold."""


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not here (tests against the wheel)")
def test_every_example_is_tried() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not here (tests against the wheel)")
@pytest.mark.parametrize("name", SAYS)
def test_example(name: str) -> None:
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert SAYS[name] in done.stdout
