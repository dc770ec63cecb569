"""``plugfest completion``: what a shell has to evaluate to complete commands, options and choices."""

from __future__ import annotations

from typing import Any

SHELLS = ("bash", "zsh", "fish")


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "completion",
        help="shell completion for bash, zsh or fish",
        description='Prints shell completion: eval "$(plugfest completion bash)" in ~/.bashrc; for fish, save it as '
        "~/.config/fish/completions/plugfest.fish. Needs pip install 'plugfest[completion]'.",
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run="plugfest.tasks.completion:run")
