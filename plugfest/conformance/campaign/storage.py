"""The folder of a campaign: its files, one writer at a time, results read back, several folders merged.

Each result is a line of ``results.jsonl``; a campaign in parts has a file for each part.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from boundary import read
from boundary.errors import InputError
from boundary.text import dumps
from boundary.write import write
from plugfest.conformance.verdict import Result

RESULTS = "results{}.jsonl"
INFO = "campaign.json"
"""What is known about the campaign as a whole."""

LEFT_OUT = "left_out.json"
"""Runs that are not executed, with the reasons."""

PLAN = "plan.json"
"""Ids of the runs that are to be executed."""


class Occupied(Exception):
    """The folder belongs to another campaign or to none; says what to do."""


@contextlib.contextmanager
def alone(folder: Path, part: str = "") -> Iterator[None]:
    """Keeps other processes from writing this part while the context is open; a killed process leaves no lock.

    Raises:
        Occupied: another process is writing it.
        OSError: the folder cannot be written.
    """
    import fcntl  # not everywhere

    with (folder / RESULTS.format(part)).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Occupied(
                f"another campaign is writing into {folder}; wait for it, use another --out, or split it with --shard"
            ) from None
        yield


OURS = ("results*.jsonl", "campaign.json", "left_out.json", "plan.json", "pics.yaml", "report.html", "junit.xml",
        "system*.log", "cases")  # fmt: skip
"""Files that a campaign leaves in its folder."""


def forget(folder: Path) -> None:
    """Deletes only what an earlier campaign left in a folder.

    Raises:
        Occupied: the folder has files, but not a campaign's.
        OSError: they cannot be deleted.
    """
    if not folder.exists():
        return
    if not list(folder.glob("results*.jsonl")) and any(folder.iterdir()):
        raise Occupied(f"{folder} contains no campaign, so --fresh deletes nothing there; use another --out")
    for path in [path for pattern in OURS for path in folder.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def read_results(folder: Path) -> dict[str, Result]:
    """The latest result of each run by the clock, from all files of results in a folder.

    A line cut off by a crash is left out.
    """
    found: dict[str, Result] = {}
    for path in sorted(folder.glob("results*.jsonl")):
        for line in path.read_bytes().decode("utf-8", "replace").splitlines():
            with contextlib.suppress(InputError, KeyError, TypeError, ValueError, AttributeError):
                result = Result.from_json(read.parse_record(line, str(path)))
                before = found.get(result.run)
                latest = result if before is None or result.started >= before.started else before
                if before is not None:
                    latest.attempts = before.attempts + 1
                found[result.run] = latest
    return found


def seed_of(folder: Path) -> int | None:
    """The seed that a campaign was started with; None: it was not started, or the seed is not recorded."""
    path = folder / INFO
    data = read.read_json(path) if path.exists() else {}
    seed = data.get("seed") if isinstance(data, dict) else None
    return seed if isinstance(seed, int) else None


def merge(folders: Sequence[Path], target: Path) -> None:
    """Merges shards from several folders into one.

    Raises:
        OSError: a folder cannot be read or written.
    """
    target.mkdir(parents=True, exist_ok=True)
    for number, folder in enumerate(folders, 1):
        if folder.resolve() == target.resolve():
            continue
        for path in folder.glob("results*.jsonl"):
            shutil.copyfile(path, target / f"results-{number}-{path.name.removeprefix('results')}")
        for name in (PLAN, LEFT_OUT):
            if (folder / name).exists():
                _unite(target / name, folder / name)
        for name in (INFO, "pics.yaml"):
            if (folder / name).exists() and not (target / name).exists():
                shutil.copyfile(folder / name, target / name)
        if (folder / "cases").is_dir():
            shutil.copytree(folder / "cases", target / "cases", dirs_exist_ok=True)


def _unite(target: Path, other: Path) -> None:
    """Merges a list or table in one file into another file."""
    added = read.read_json(other)
    kept = read.read_json(target) if target.exists() else type(added)()
    both = {**kept, **added} if isinstance(added, dict) else list(dict.fromkeys([*kept, *added]))
    write(target, dumps(both, indent=0) + "\n", public=True)


def safe(name: str) -> str:
    """A name for a directory."""
    return re.sub(r"[^\w.@-]", "_", name)
