"""Every command block of README and docs is executed: those that need an interface or serve, as real processes.

`test_docs` executes what needs neither. The rest is in `ways.WAYS`, which says for each command what is around it,
what its reader does meanwhile, and how it is seen to work; `ways.NEVER` has the few that cannot be executed here. A
command that is in none of the three fails, so that a new one is not forgotten.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import reader
import test_docs
from netns import REASON
from processes import PATIENT, PLUGFEST
from sampling import slow
from ways import NEVER, WAYS, Way

from plugfest import cli

pytestmark = [pytest.mark.netns, pytest.mark.skipif(not reader.AVAILABLE, reason=REASON)]

BRISK = ["--set", "charger.test-seconds=0.2", "--set", "charger.volts-per-second=5000"]


def lines(text: str) -> Iterator[tuple[str, str]]:
    """What is executed at once of each ``sh`` block, by its first line; and what ``text`` blocks show the output of."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        whole = re.sub(r"\s*\\\n\s*", " ", block)
        if "\nfor " in whole:
            yield whole.splitlines()[0], whole
        else:
            yield from ((bare(line), line) for line in whole.splitlines() if bare(line))
    for line in re.findall(r"```text\n\$ (plugfest .*)", text):
        yield bare(line), line


def bare(line: str) -> str:
    """Without a comment."""
    return re.sub(r"(^|\s+)#\s.*$", "", line)


FOUND = {first: whole for path in test_docs.PAGES for first, whole in lines(path.read_text(encoding="utf-8"))}


def offline() -> set[str]:
    """What `test_docs` executes, or compares with what is shown."""
    done = [words for path in test_docs.PAGES for words in test_docs.offline(path)]
    return {
        line
        for line, whole in FOUND.items()
        if any(words in done for words in test_docs.commands(f"```sh\n{whole}\n```", piped=False))
        or re.match("plugfest demo .*--fast", line)
    }


def test_no_command_of_the_docs_is_forgotten() -> None:
    """Each is executed here or by `test_docs`, or cannot be; and what is listed here is still in the docs."""
    known = {*WAYS, *NEVER}
    assert sorted(set(FOUND) - known - offline()) == []
    assert sorted(known - set(FOUND)) == []


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what the pages name, and the programs of their reader."""
    where = tmp_path_factory.mktemp("things")
    reader.programs(where)
    for words in (
        ["pki", "init", f"{where}/test-pki", "--profile", "both"],
        ["pki", "init", f"{where}/my-pki"],
        ["pki", "ocsp", f"{where}/test-pki", "secc", "--out", f"{where}/leaf.der"],
        ["conformance", "pics", f"{where}/charger.yaml", "--defaults"],
        ["conformance", "pics", f"{where}/my.yaml", "--defaults"],
        ["conformance", "pics", f"{where}/car.yaml", "--sut", "evcc", "--defaults"],
        ["demo", "--fast", "--quiet", "--duration", "2", "--pcapng", f"{where}/session.pcapng"],
    ):
        assert cli.main(words) == 0, words
    for name, source in {
        "v2g-root.pem": "iso2/v2g-root.pem", "chain.pem": "iso2/chains/secc.pem", "leaf.key": "iso2/secc.key",
        "v2g.pem": "iso20/v2g-root.pem", "vehicle.pem": "iso20/chains/vehicle.pem", "vehicle.key": "iso20/vehicle.key",
    }.items():  # fmt: skip
        shutil.copy(where / "test-pki" / source, where / name)
    (where / "day.csv").write_text("0, 10\n3600, -10\n", encoding="utf-8")
    answers = re.search(r"```yaml\n(.*?)```", (test_docs.DOCS / "pairs.md").read_text(encoding="utf-8"), re.DOTALL)
    assert answers is not None
    (where / "answers.yaml").write_text(answers[1], encoding="utf-8")
    for name, role in {"my-vehicle": "evcc --duration 1", "my-charger": "secc --sessions 1"}.items():
        # Of its own, it leaves Ctrl-C to the lab.
        text = f'#!/bin/sh\nexec setsid --wait plugfest {role} --no-slac "$@"\n'
        (where / name).write_text(text, encoding="utf-8")
        (where / name).chmod(0o755)
    return where


@pytest.mark.parametrize(
    ("line", "way"),
    [
        case if way.quick else slow(case)
        for line, way in WAYS.items()
        for case in [pytest.param(line, way, id=re.sub(r"[^a-z0-9]+", "-", line.lower())[:60].strip("-"))]
    ],
)
def test_a_command_of_the_docs_works(line: str, way: Way, things: Path, tmp_path: Path) -> None:
    """As its reader types it, with something to talk to."""
    missing = [name for name in way.needs if shutil.which(name, path=reader.environment(tmp_path)["PATH"]) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (packages mosquitto and plc-utils-extra)")
    folder = tmp_path / "r"
    shutil.copytree(things, folder)
    command = reader.script(folder, FOUND[line], way.before, way.after, terminal=way.terminal)
    if way.lab is not None:
        words = [*PLUGFEST, "lab", "--quiet", *BRISK, *PATIENT, *shlex.split(way.lab), "--peer", command]
        command = shlex.join(words)
    with reader.on_host(folder, command) as running:
        assert running.process.stdin is not None
        running.process.stdin.write(way.typed)
        running.process.stdin.flush()
        if way.until:
            running.until(way.until)
            if way.terminal:
                running.process.stdin.write("\x03")
                running.process.stdin.flush()
            else:
                reader.interrupt(folder)
        code = int(running.until(reader.ENDED).removeprefix(reader.ENDED))
    said = "".join(running.lines)
    assert code == way.code, said
    for pattern in way.says:
        assert re.search(pattern, said), f"{pattern}: {said}"
    for name, pattern in way.left.items():
        assert re.search(pattern, (folder / name).read_text(errors="replace")), (name, said)
