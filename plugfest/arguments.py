"""The parser of the command line: a mistake is one line that says what was wrong and what to write instead."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from boundary.choices import near, unknown
from boundary.console import complain
from boundary.text import visible

_KINDS = {int: "a whole number", float: "a number"}
"""What a value of a type is called."""


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """The type of an option that takes a whole number of a range."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            up = "up" if most is None else f"to {most}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} {up}")
        return number

    return read


def without_unit(text: str) -> str:
    """What to do about a number with a unit, as the end of a message; "" if it is none."""
    unit = re.match(r"^\s*[-+0-9.]+\s*([A-Za-z%]+)\s*$", text)
    return f"; leave the unit out ({unit[1]})" if unit else ""


PORT = whole(0, 65535)
"""A port; 0 is any free one."""
COUNT = whole(1)


class Parser(argparse.ArgumentParser):
    """Parser of the program or of a command. The command that gets an unknown argument reports it."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        known, others = super().parse_known_args(args, namespace)
        if others:
            self.error(self._strange(others[0]))
        return known, others

    def error(self, message: str) -> NoReturn:
        """Reports an error in one line, whatever was typed or pasted."""
        complain(f"{self.prog}: {visible(_worded(self._named(message)))}")
        raise SystemExit(2)

    def _named(self, message: str) -> str:
        """A message that names an argument with few choices, with these in its place."""
        for action in self._actions:
            name = action.metavar if isinstance(action.metavar, str) else action.dest
            if not action.option_strings and action.choices and message.endswith(f"required: {name}"):
                return message.removesuffix(name) + "|".join(map(str, action.choices))
        return message

    def _strange(self, word: str) -> str:
        if not word.startswith("-"):
            return f"unexpected argument {word!r}; see {self.prog} --help"
        name = word.partition("=")[0]
        return f"unknown option {name}{near(name, self._options()) or f'; see {self.prog} --help'}"

    def _options(self) -> Iterator[str]:
        for action in self._actions:
            yield from (name for name in action.option_strings if name.startswith("--"))

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """Names the type in words, where argparse shows that of Python."""
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError:
            kind = next((words for kind, words in _KINDS.items() if action.type is kind), "")
            if not kind:
                raise
            raise argparse.ArgumentError(action, f"{arg_string!r} is not {kind}{without_unit(arg_string)}") from None

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            if action.nargs == argparse.PARSER:
                raise argparse.ArgumentError(None, unknown("command", value, action.choices))
            raise argparse.ArgumentError(action, unknown("value", value, action.choices))


def _worded(message: str) -> str:
    """What argparse says, shorter."""
    return message.removeprefix("argument ").replace("the following arguments are required", "missing", 1)
