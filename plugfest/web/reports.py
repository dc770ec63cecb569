"""Reports of recordings dropped on the page, and lists of a campaign's evidence.

A report takes seconds of work: it is made in a separate process, so that a session running at the same time keeps its
timing, and it is aborted after a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

from boundary import write
from boundary.errors import InputError
from boundary.read import read_text
from boundary.text import visible

WITHIN = 120.0
"""s allowed for a report."""
LONGEST_REPORT = 64 * 1024 * 1024


async def made(data: bytes, name: str) -> tuple[str, str]:
    """A recording's report as HTML, and its headline.

    Raises:
        InputError: it cannot be read; says why.
    """
    gently = ["nice", "-n", "10"] if shutil.which("nice") else []
    suffix = "".join(sign for sign in Path(name).name[-40:] if sign.isascii() and (sign.isalnum() or sign in "._-"))
    with tempfile.TemporaryDirectory(prefix="plugfest-") as place:
        folder = Path(place)
        source, target = folder / (suffix.lstrip(".-") or "capture"), folder / "report.out.html"
        write.write(source, data)
        command = [*gently, sys.executable, "-m", "plugfest", "report", str(source), "-o", str(target), "--title",
                   visible(Path(name).name)[:100]]  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(WITHIN):
                _, said = await process.communicate()
        except TimeoutError:
            raise InputError("recording", f"no report within {WITHIN:g} s; plugfest report has no such limit") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        text = said.decode(errors="replace").replace(f"{folder}/", "").strip()
        if not target.exists():
            raise InputError("recording", text.removeprefix("plugfest: ").partition("\n")[0] or "no report was made")
        return read_text(target, limit=LONGEST_REPORT, what="a report"), text.rpartition("report.out.html: ")[2]


def listing(path: Path, root: Path) -> str:
    """A folder of evidence as a page of links."""

    def links() -> Iterator[str]:
        for entry in sorted(path.iterdir()):
            place = escape(f"/evidence/{entry.relative_to(root)}", quote=True)
            yield f'<li><a href="{place}">{escape(visible(entry.name))}{"/" if entry.is_dir() else ""}</a></li>'

    title = escape(visible(path.name))
    return f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1><ul>{''.join(links())}</ul>"
