"""What is installed from a wheel is all of the source: a packaging mistake would leave out a module or a data file."""

from __future__ import annotations

import importlib
import os
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

import pytest

SOURCE = os.environ.get("PLUGFEST_SOURCE", "")
PACKAGES = ("plugfest", "evcc", "secc", "v2g", "slac", "pki", "exi", "boundary")


def installed() -> dict[str, bytes]:
    """The files of our packages, by path."""
    files = distribution("plugfest").files or []
    return {f.as_posix(): Path(str(f.locate())).read_bytes() for f in files if f.parts[0] in PACKAGES}


needs_wheel = pytest.mark.skipif(not SOURCE, reason="not installed from a wheel (make wheel-test)")


@needs_wheel
def test_every_file_is_in_the_wheel_and_no_other() -> None:
    """Modules, catalogue, bench files, py.typed: with the same content as in the source."""
    source = {
        path.relative_to(SOURCE).as_posix(): path.read_bytes()
        for package in PACKAGES
        for path in (Path(SOURCE) / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    found = {name: data for name, data in installed().items() if "__pycache__" not in name}
    assert set(found) == set(source)
    assert [name for name in source if found[name] != source[name]] == []
    assert sum(name.endswith("/py.typed") for name in found) == len(PACKAGES)


@needs_wheel
def test_every_module_can_be_imported_from_there() -> None:
    """None needs what is only in the source tree."""
    for name in sorted(installed()):
        path = PurePosixPath(name)
        if path.suffix == ".py" and path.name != "__main__.py":
            parts = path.with_suffix("").parts
            module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
            assert module.__file__ is not None
            assert not Path(module.__file__).is_relative_to(Path(SOURCE) / parts[0])
