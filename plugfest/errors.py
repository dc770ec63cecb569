"""Mistakes of the person at the keyboard."""


class UserError(Exception):
    """Something the user can put right. The text is one line that says what to do; no traceback is shown."""
