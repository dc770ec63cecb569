"""The parser of the command line: a mistake is one line that says what was wrong and what to write instead."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NoReturn

from boundary.choices import near, unknown
from boundary.console import complain
from boundary.text import visible

_NO_VALUE = "expected one argument"
_KINDS = {int: "a whole number"}
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


def number(least: float = -math.inf, most: float = math.inf) -> Callable[[str], float]:
    """The type of an option that takes a number of a range, infinity and NaN excluded."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if math.isfinite(found) and least <= found <= most:
            return found
        span = (
            ""
            if least == -math.inf
            else f" of at least {least:g}"
            if most == math.inf
            else f" from {least:g} to {most:g}"
        )
        raise argparse.ArgumentTypeError(f"{text!r} is not a number{span}{without_unit(text)}")

    return read


def without_unit(text: str) -> str:
    """What to do about a number with a unit, as the end of a message; "" if it is none."""
    unit = re.match(r"^\s*[-+0-9.]+\s*([A-Za-z%]+)\s*$", text)
    return f"; leave the unit out ({unit[1]})" if unit else ""


PORT = whole(0, 65535)
"""A port; 0 is any free one."""
COUNT = whole(1)
ANY = number()
FROM_ZERO = number(0)
"""A time in seconds, or an attenuation in dB."""


class Parser(argparse.ArgumentParser):
    """Parser of the program or of a command. The command that gets an unknown argument reports it."""

    _words: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._words = sys.argv[1:] if args is None else args
        known, others = super().parse_known_args(args, namespace)
        if others:
            self.error(self._strange(others[0]))
        return known, others

    def error(self, message: str) -> NoReturn:
        """Reports an error in one line, whatever was typed or pasted."""
        complain(f"{self.prog}: {visible(_worded(self._named(message)))}{visible(self._dashed(message))}")
        raise SystemExit(2)

    def _named(self, message: str) -> str:
        """A message that names an argument with few choices, with these in its place."""
        for action in self._actions:
            name = action.metavar if isinstance(action.metavar, str) else action.dest
            if not action.option_strings and action.choices and message.endswith(f"required: {name}"):
                return message.removesuffix(name) + "|".join(map(str, action.choices))
        return message

    def _dashed(self, message: str) -> str:
        """How to write a value that begins with a dash and was taken for an option; "" if there is none."""
        if not message.endswith(_NO_VALUE):
            return ""
        for word, value in pairwise(self._words):
            if message.startswith(f"argument {word}") and re.match(r"-[0-9.]", value):
                return f"; write {word}={value}"
        return ""

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
    said = message.removeprefix("argument ").replace("the following arguments are required", "missing", 1)
    return said.removesuffix(_NO_VALUE) + "needs a value" if said.endswith(_NO_VALUE) else said
