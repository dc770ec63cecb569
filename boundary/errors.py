"""What the doors refuse, each in one line for the person at the keyboard."""

from __future__ import annotations

import os

from boundary.text import visible


class InputError(ValueError):
    """A file or other input from the user that cannot be used.

    Attributes:
        place: name of the file, with ``:LINE`` where it is known.
        line: counted from 1; None if it is not known.
        what: what is wrong there, and what to do about it.
    """

    def __init__(self, name: str, what: str, *, line: int | None = None) -> None:
        self.place = f"{name}:{line}" if line is not None else name
        self.line = line
        self.what = what
        super().__init__(visible(f"{self.place}: {what}"))


class OutputError(OSError):
    """A file that cannot be written completely. The text is one line that names the file and says why.

    Attributes:
        name: of the file, or ``standard output``.
    """

    def __init__(self, name: object, why: OSError, *, what: str = "cannot write") -> None:
        self.name = str(name)
        self._what = what
        super().__init__(why.errno, why.strerror or str(why), self.name)

    def __str__(self) -> str:
        return visible(f"{self._what} {self.name}: {self.strerror}")


def reason(why: OSError) -> str:
    """The system's own reason."""
    return why.strerror or (os.strerror(why.errno) if why.errno else str(why))


def unconnected(why: Exception) -> str:
    """Why a connection failed, in the system's words.

    asyncio puts the address into its text, and libraries hide the system's error behind their own. Name resolution and
    TLS, whose errors are not built in, have numbers of their own.
    """
    behind = why if isinstance(why, OSError) else why.__cause__ or why.__context__
    if not isinstance(behind, OSError):
        return str(why)
    if behind.errno and type(behind).__module__ == "builtins":
        return os.strerror(behind.errno)
    return reason(behind) or "no answer"
