"""Mistakes of the person at the keyboard."""


class UserError(Exception):
    """Something the user can put right. The text says what to do, in one line; no traceback is shown.

    Attributes:
        lines: the text; several for several mistakes.
    """

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))
