"""The Dockerfile installs what a fresh machine of `.ci/run` has, and what the commands in it need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTED = {"tshark", "chromium", "mosquitto"}
"""Packages that only tests use."""

pytestmark = pytest.mark.skipif(
    not (ROOT / "Dockerfile").is_file(), reason="the source tree is not here (tests against the wheel)"
)


def test_packages_are_those_of_a_fresh_machine() -> None:
    """A program that a command has come to need is in both."""
    ci = re.search(r"packages=\((.*)\)", (ROOT / ".ci" / "run").read_text())
    assert ci is not None
    wanted = {word.partition("=")[2] for word in ci[1].split()} - TESTED
    dockerfile = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    installed = re.search(r"apt-get install -qy --no-install-recommends (.*?) *&&", dockerfile)
    assert installed is not None
    assert set(installed[1].split()) == wanted


def test_the_panel_is_in_it() -> None:
    """A command in a container cannot be given an extra later."""
    assert "pip install --no-cache-dir '/src[web]'" in (ROOT / "Dockerfile").read_text()
