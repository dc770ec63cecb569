"""Shell completion, asked of real shells as by a TAB."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugfest.cli import main, parser
from plugfest.completing import NAMES, attach

PROGRAM = Path(sys.executable).with_name("plugfest")
BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
ZSH = pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
FISH = pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
ASKED = [
    ("plugfest con", {"config", "conformance"}),
    ("plugfest trace ch", {"check"}),
    ("plugfest demo --rec", {"--receipts"}),
    ("plugfest evcc --tls r", {"required"}),
    ("plugfest evcc --protocol iso20", {"iso20"}),
    ("plugfest evcc --protocol iso2,d", {"iso2,din", "iso2,din70121"}),
    ("plugfest explain connector n", {"nacs"}),
    ("plugfest explain code FAILED_Seq", {"FAILED_SequenceError"}),
    ("plugfest conformance show TC_SECC_CMN_VTB_SessionSetup_002", {"TC_SECC_CMN_VTB_SessionSetup_002"}),
    ("plugfest run be", {"bench.yaml"}),
    ("plugfest report --output be", {"bench.yaml"}),
    ("plugfest evcc --soc be", set()),
    ("plugfest explain sequence be", set()),
]
"""A line, and what a shell offers in a folder with the file bench.yaml."""


def run(shell: list[str], folder: Path) -> list[str]:
    (folder / "bench.yaml").touch()
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    done = subprocess.run(shell, capture_output=True, text=True, cwd=folder, check=True, env=environment)
    return [word.strip() for word in done.stdout.split("\n") if word.strip()]


@BASH
@pytest.mark.parametrize(("line", "expected"), ASKED)
def test_bash_completes_commands_options_names_and_files(line: str, expected: set[str], tmp_path: Path) -> None:
    """It evaluates what ``plugfest completion bash`` prints."""
    words = line.split()
    script = (
        f'eval "$(plugfest completion bash)"; COMP_LINE={shlex.quote(line)}; COMP_POINT={len(line)}; COMP_TYPE=9\n'
        f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}\n"
        f'_python_argcomplete plugfest {words[-1]} {words[-2]}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    assert set(run(["bash", "-c", script], tmp_path)) == expected


@BASH
def test_bash_offers_no_files_where_a_name_is_due(tmp_path: Path) -> None:
    """Its own completion of files would step in where ours offers nothing."""
    shown = run(["bash", "-c", 'eval "$(plugfest completion bash)"; complete -p plugfest'], tmp_path)
    assert "-o default" not in shown[0]


@FISH
@pytest.mark.parametrize(("line", "expected"), ASKED)
def test_fish_completes_commands_options_names_and_files(line: str, expected: set[str], tmp_path: Path) -> None:
    script = f'eval "$(plugfest completion fish)"; complete -C {shlex.quote(line)}'
    assert {word.partition("\t")[0] for word in run(["fish", "-c", script], tmp_path)} == expected


@ZSH
def test_zsh_completes_without_start_up_files(tmp_path: Path) -> None:
    """Where no ``compinit`` was done, what ``plugfest completion zsh`` prints does it."""
    script = 'eval "$(plugfest completion zsh)"; print -r -- "$_comps[plugfest]"'
    assert run(["zsh", "-f", "-c", script], tmp_path) == ["_python_argcomplete"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_is_printed_for_other_shells(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "plugfest" in capsys.readouterr().out


def arguments(top: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from arguments(inner)
        else:
            yield action


def test_every_table_of_names_is_that_of_an_argument() -> None:
    """An argument that was renamed does not leave its names behind, and none of the tables is empty."""
    top = parser()
    attach(top)
    used = {id(getattr(action, "completer", None)) for action in arguments(top)}
    assert [name for name, names in NAMES.items() if id(names) not in used] == []
    assert [name for name, names in NAMES.items() if not names(prefix="")] == []
