"""README and docs: short where promised, no dead links, and every command in them is one that works."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import CEILING

from plugfest import cli, completing, config
from plugfest.commands import options
from plugfest.conformance.scripting import page
from v2g.rules.table import RULES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
SERVERS = {"pki serve", "pki ocsp", "slac modem", "slac doctor", "slac ev", "slac evse", "slac line", "lab", "doctor"}
"""Commands that serve until they are stopped, or need an interface: their arguments are read, no more."""
JUDGING = {"trace check": (0, 1), "trace diff": (0, 1), "slac watch": (0, 1), "pki show": (0, 1), "pki verify": (0, 1)}
"""Exit codes of commands that judge; 0 for all others."""


def commands(text: str, *, piped: bool = True) -> Iterator[list[str]]:
    """The words behind ``plugfest`` of each command in the ``sh`` blocks of a page; ``piped``: also behind a pipe."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = [word for word in shlex.split(line, comments=True) if word not in ("...", "&")]
            if "plugfest" in words and words[0] != "docker" and (piped or "|" not in words):
                yield words[words.index("plugfest") + 1 :]


ALL = [
    pytest.param(path, words, id=f"{path.stem}-{number}-{'-'.join(words[:2])}")
    for path in PAGES
    for number, words in enumerate(commands(path.read_text(encoding="utf-8")))
]


def kind(words: list[str]) -> str:
    """``trace check`` of its words, ``demo`` of a command without kinds."""
    return " ".join(words[:2]) if words[0] in ("trace", "pki", "slac", "conformance", "config", "exi") else words[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with every file that the pages name."""
    where = tmp_path_factory.mktemp("docs")
    session = ["demo", "--fast", "--quiet", "--duration", "2"]
    assert cli.main([*session, "--trace", f"{where}/session.jsonl", "--pcapng", f"{where}/session.pcapng"]) == 0
    for name in ("FILE", "good.pcapng", "bad.pcapng"):
        (where / name).write_bytes((where / "session.pcapng").read_bytes())
    (where / "bench.yaml").write_text("role: both\nfast: true\nquiet: true\nvehicle: {duration: 2}\n", encoding="utf-8")
    (where / "message.xml").write_text(
        '<V2G_Message xmlns="urn:din:70121:2012:MsgDef"><Header><SessionID xmlns="urn:din:70121:2012:MsgHeader">00'
        '</SessionID></Header><Body><SessionStopReq xmlns="urn:din:70121:2012:MsgBody"/></Body></V2G_Message>',
        encoding="utf-8",
    )
    for name in ("v2g-root.pem", "v2g.pem", "chain.pem", "leaf.key", "leaf.der", "vehicle.pem", "vehicle.key"):
        (where / name).write_bytes(b"")
    (where / "day.csv").write_text("0, 10\n3600, -10\n", encoding="utf-8")
    (where / "examples").symlink_to(ROOT / "examples")
    return where


def read(words: list[str]) -> argparse.Namespace:
    """The arguments of a command."""
    return cli.parser(words[0]).parse_args(words)


@pytest.mark.parametrize(("path", "words"), ALL)
def test_each_command_in_the_docs_can_be_read(
    path: Path, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its options exist, and where it makes a bench, the bench is whole."""
    monkeypatch.chdir(folder)
    args = read(words)
    if words[0] in ("evcc", "secc") and hasattr(args, "interface"):
        bench = config.of_args(args, words[0], **options.implied(args, words[0]))
        assert bench.role == words[0]


def offline(path: Path) -> list[list[str]]:
    """Commands of a page that need no interface, nobody at the keyboard and no minutes, and end by themselves."""
    return [
        words
        for words in commands(path.read_text(encoding="utf-8"), piped=False)
        if kind(words) not in (*SERVERS, "evcc", "secc", "conformance run")
        and "-i" not in words
        and (kind(words) != "conformance pics" or "--defaults" in words)
    ]


@pytest.mark.parametrize("path", [path for path in PAGES if offline(path)], ids=lambda path: path.stem)
def test_the_commands_of_a_page_work_one_after_the_other(
    path: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one directory, as for somebody who follows the page; demos in virtual time."""
    for name in folder.iterdir():
        (tmp_path / name.name).symlink_to(name)
    if "pki import" in path.read_text(encoding="utf-8"):
        foreign(tmp_path)
    monkeypatch.chdir(tmp_path)
    for words in offline(path):
        more = (
            ["--fast", "--quiet", "--duration", "1"] if words[0] == "demo" else ["--quiet"] if words[0] == "run" else []
        )
        assert cli.main([*words, *more]) in JUDGING.get(kind(words), (0,)), words


def foreign(where: Path) -> None:
    """A PKI made elsewhere, and a chain of one's own, as docs/pki.md names them."""
    ours = where / "made"
    assert cli.main(["pki", "init", str(ours)]) == 0
    assert cli.main(["pki", "export", str(ours), str(where / "peer-venv/pki"), "--layout", "josev"]) == 0
    (where / "theirs.pem").write_bytes((ours / "iso2" / "chains" / "secc.pem").read_bytes())


def test_what_other_programs_settings_become_exists() -> None:
    """Each option and each key in the tables of docs/switching.md."""
    tables = [
        cell
        for line in (DOCS / "switching.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
        for cell in [line.split("|")[2]]
    ]
    text = "\n".join(tables)
    keys = set(re.findall(r"`((?:vehicle|charger)\.[a-z-]+)`", text))
    named = set(re.findall(r"--[a-z-]+", text))
    assert len(keys) > 5
    assert keys - set(completing.settings()) == set()
    known = {name for role in ("evcc", "secc", "lab") for name in options_of(role)}
    assert named - known == set()


def options_of(command: str) -> Iterator[str]:
    """The options of a command without kinds."""
    for action in cli.parser(command)._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices[command]._actions:
                yield from inner.option_strings


@pytest.mark.parametrize("path", [ROOT / "README.md", DOCS / "iso20.md"], ids=lambda path: path.stem)
def test_what_a_demo_prints_is_what_the_page_shows(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In virtual time and with a seed a session is the same everywhere; three dots stand for lines left out."""
    shown = re.findall(
        r"```text\n\$ plugfest (demo [^\n]*--fast[^\n]*)\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL
    )
    assert shown
    for command, lines in shown:
        assert cli.main(command.split()) == 0
        printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
        assert [line for line in lines.splitlines() if line not in ("...", *printed)] == []


@pytest.mark.parametrize("path", [ROOT / "README.md", DOCS / "scripts.md"], ids=lambda path: path.stem)
def test_the_first_script_of_a_page_runs_in_both_older_protocols(path: Path, tmp_path: Path) -> None:
    """In a directory of its own, beside folders that are named like packages of ours."""
    block = next(
        b for b in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL) if "sut" in b
    )
    (tmp_path / "test_page.py").write_text(block, encoding="utf-8")
    for name in ("conformance", "traces"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--sut-protocols", "iso2,din"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=CEILING)
    assert "2 passed" in done.stdout, done.stdout


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        file, _, place = target.partition("#")
        if file.startswith(("http://", "https://")):
            continue
        other = (path.parent / file) if file else path
        assert other.exists(), target
        if place:
            text = other.read_text(encoding="utf-8")
            titles = [re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-")
                      for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]  # fmt: skip
            assert place in titles, target


def test_the_page_of_scripts_is_current() -> None:
    command = "python -m plugfest.conformance.scripting.page > docs/scripting.md"
    assert (DOCS / "scripting.md").read_text(encoding="utf-8").strip() == page.page().strip(), command


def test_the_page_of_iso20_names_tests_and_rules_that_exist() -> None:
    """Each row of its table of rules has at least one, and none of another name."""
    text = (DOCS / "iso20.md").read_text()
    rows = re.findall(r"^\| (?:EV|SE|both) \| .* \| (.*) \|$", text, re.MULTILINE)
    tests = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    rules = {rule.name for rule in RULES}
    assert len(rows) > 60
    for row in rows:
        named = [name for name in re.findall(r"`([^`]+)`", row) if "/" not in name]
        assert named or "](" in row, row
        assert not {name for name in named if name not in (tests if name.startswith("test_") else rules)}, row
