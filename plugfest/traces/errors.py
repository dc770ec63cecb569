"""What is wrong with a file of recorded traffic."""


class RecordingError(ValueError):
    """A file that cannot be read as a recording. The text is one line: file, place, and what was expected."""
