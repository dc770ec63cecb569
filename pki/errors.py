"""What goes wrong with certificates and keys."""


class PkiError(Exception):
    """A file, key or certificate cannot be used. The text is one line that says which, and what to do."""
