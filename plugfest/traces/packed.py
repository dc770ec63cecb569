"""Capture files as bytes, compressed with gzip or not: bounded, and read as far as they go."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import IO, Protocol, Self, cast

from boundary.read import is_pipe
from plugfest.traces.errors import RecordingError

MAX_UNPACKED = 8 * 1024 * 1024 * 1024
"""Maximum uncompressed size of a compressed file, bytes."""

_GZIP = b"\x1f\x8b"
_STEP = 256 * 1024
_WITH_GZIP_HEADER = 31


class Source(Protocol):
    """A file that is read from start to end."""

    def read(self, size: int, /) -> bytes:
        """The next ``size`` bytes; fewer at the end."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> object: ...


class _Unpacked:
    """The content of a gzip file; a truncated one ends where it breaks off."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name
        self._buffer = bytearray()
        self._member = zlib.decompressobj(_WITH_GZIP_HEADER)
        self._left = b""
        self._ended = False
        self._total = 0

    def read(self, size: int, /) -> bytes:
        while len(self._buffer) < size and not self._ended:
            self._more()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _more(self) -> None:
        packed = self._left or self._file.read(_STEP)
        if not packed:
            self._ended = True
            return
        try:
            data = self._member.decompress(packed, _STEP)
        except zlib.error as why:
            raise RecordingError(f"{self._name}: broken gzip data: {why}") from why
        self._left = self._member.unconsumed_tail
        if self._member.eof:  # another member may follow; zero bytes are padding
            self._left = self._member.unused_data.lstrip(b"\0")
            self._member = zlib.decompressobj(_WITH_GZIP_HEADER)
        self._total += len(data)
        if self._total > MAX_UNPACKED:
            raise RecordingError(f"{self._name}: more than {MAX_UNPACKED} bytes unpacked")
        self._buffer += data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def opened(path: Path) -> Source:
    """Opens a file, and unpacks it if it is compressed.

    Raises:
        RecordingError: it cannot be read.
    """
    if is_pipe(path):
        raise RecordingError(f"{path}: a pipe; save its data to a file first")
    try:
        file = path.open("rb")
        packed = file.read(2) == _GZIP
        file.seek(0)
    except OSError as why:
        raise RecordingError(f"{path}: {why.strerror}") from why
    return _Unpacked(file, str(path)) if packed else cast(Source, file)
