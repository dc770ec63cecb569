"""Writes files that appear once they are complete, and files that grow record by record.

A finished file (report, certificate, index) is written under a temporary name in the same directory, flushed to the
disk, and renamed: readers see the old file or the new one, and a full disk leaves the old one. Several files
that belong together are all written before the first is renamed.

A file that grows while a session runs (trace, capture, key log) has its own name from the beginning: it has to exist
after a crash, other programs follow it, and both of our formats can be read up to the last whole record. When it cannot
grow any more, it is cut back to its last whole record (:class:`Growing`).

Unless declared public, a file is readable only by its owner from the first byte on, whatever the umask is: traces and
captures hold TLS secrets, and reports hold what those protected.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, TypeVar

from boundary.errors import OutputError

PRIVATE = 0o600
SUFFIX = ".part"
"""Ending of temporary names, which begin with a dot."""
_STREAMS = ("/dev/std", "/dev/fd/", "/proc/")
_BUFFER = 64 * 1024

_T = TypeVar("_T", contravariant=True)


class Sink(Protocol[_T]):
    """What a record writer needs from its file; one call of ``write`` is one record."""

    def write(self, data: _T, /) -> int: ...

    def flush(self) -> None: ...


# ---------------------------------------------------------------------------------------------------------------
# Whole files


def write(path: Path, data: str | bytes, *, public: bool = False) -> None:
    """Writes a whole file into an existing directory.

    A symbolic link stays a link; anything else that is not a file (a pipe, a terminal) is written to.

    Args:
        public: others may read it if the umask allows; otherwise only its owner can.

    Raises:
        OutputError: it cannot be written; what was there before still is.
    """
    _write({path: data}, lambda _: public, parents=False)


def write_all(files: Mapping[Path, str | bytes], *, public: Callable[[Path], bool] = lambda path: False) -> None:
    """Writes files that belong together: all of them or none. Missing directories are created.

    Args:
        public: whether others may read a file if the umask allows.

    Raises:
        OutputError: one cannot be written; then none is, and directories created for them are removed.
    """
    _write(files, public, parents=True)


def _write(files: Mapping[Path, str | bytes], public: Callable[[Path], bool], *, parents: bool) -> None:
    made: list[Path] = []
    waiting: list[tuple[Path, Path]] = []
    name = Path()
    try:
        for path, content in files.items():
            name = path
            data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
            if _stream(path):
                with path.open("wb", buffering=0) as stream:
                    _put(stream.fileno(), data)
                continue
            target = _target(path)
            if parents:
                made += _directories(target.parent)
            descriptor, temporary = _temporary(target, public(path))
            waiting.append((temporary, target))
            try:
                _put(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        for temporary, target in waiting:
            name = target
            temporary.replace(target)
    except BaseException as why:
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)
        for directory in reversed(made):
            with contextlib.suppress(OSError):
                directory.rmdir()
        if isinstance(why, OSError):
            raise OutputError(name, why) from why
        raise
    for directory in {target.parent for _, target in waiting}:
        _flush_directory(directory)


@contextlib.contextmanager
def replacing(path: Path, *, public: bool = False) -> Iterator[IO[bytes]]:
    """A file that is written piece by piece; it takes its place when the context ends without an error.

    Raises:
        OutputError: it cannot be written; what was there before still is.
    """
    temporary: Path | None = None
    try:
        if _stream(path):
            with path.open("wb") as stream:
                yield stream
            return
        target = _target(path)
        descriptor, temporary = _temporary(target, public)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _flush_directory(target.parent)
    except OSError as why:
        if isinstance(why, OutputError):
            raise
        raise OutputError(path, why) from why
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_text(path: Path, *, public: bool = False) -> Iterator[IO[str]]:
    """Like :func:`replacing`, for UTF-8 text whose line ends stay as written."""
    with replacing(path, public=public) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogatepass", newline="")
        try:
            yield text
            text.flush()
        finally:
            with contextlib.suppress(OSError):
                text.detach()


def check(path: Path) -> None:
    """Checks in advance that a file can be written later.

    Raises:
        OutputError: its directory does not exist or is not writable, or it is a directory itself.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if _stream(path):
            return
        descriptor, temporary = _temporary(_target(path), public=False)
        os.close(descriptor)
        temporary.unlink()
    except OSError as why:
        raise OutputError(path, why) from why


# ---------------------------------------------------------------------------------------------------------------
# Growing files


class Growing:
    """A file that grows while something runs, readable only by its owner. Each ``write`` is one record.

    After a failure it holds only whole records and accepts no more.

    Args:
        path: the file; its old content is lost unless it is appended to.

    Raises:
        OutputError: it cannot be created, or cannot grow.
    """

    def __init__(self, path: Path, *, append: bool = False) -> None:
        self._path = path
        self._waiting: list[bytes] = []
        self._size = 0
        self._failed: OutputError | None = None
        self._descriptor = -1
        way = os.O_APPEND if append else os.O_TRUNC
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | way, PRIVATE)
            about = os.fstat(self._descriptor)
            if stat.S_ISREG(about.st_mode) and about.st_mode & 0o777 != PRIVATE:
                os.fchmod(self._descriptor, PRIVATE)  # an existing file would keep its own mode
        except OSError as why:
            self.close()
            raise OutputError(path, why) from why
        self._whole = about.st_size if append else 0

    def write(self, data: str | bytes) -> int:
        """Takes one record; it is in the file after `flush` at the latest."""
        if self._failed is not None:
            raise self._failed
        record = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)
        self._waiting.append(record)
        self._size += len(record)
        if self._size >= _BUFFER:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Flushes pending records to the system."""
        if self._failed is not None or not self._waiting:
            return
        records, self._waiting, self._size = self._waiting, [], 0
        done, why = _put_some(self._descriptor, b"".join(records))
        for record in records:
            if done < len(record):
                break
            done -= len(record)
            self._whole += len(record)
        if why is not None:
            with contextlib.suppress(OSError):  # a pipe has no size
                os.ftruncate(self._descriptor, self._whole)
            self._failed = OutputError(self._path, why)
            raise self._failed from why

    def close(self) -> None:
        """Writes pending records and closes the file."""
        if self._descriptor < 0:
            return
        try:
            self.flush()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Growing:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def append(path: Path, data: str | bytes) -> None:
    """Adds a record to a file that only its owner can read. Raises OutputError: it cannot be written."""
    with Growing(path, append=True) as file:
        file.write(data)


# ---------------------------------------------------------------------------------------------------------------


def _stream(path: Path) -> bool:
    """Whether the path is something that a file must not replace: a pipe, a device, a descriptor."""
    if str(path).startswith(_STREAMS):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _target(path: Path) -> Path:
    """Where to write a file: a symbolic link stays, and its target is replaced."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return target


def _directories(wanted: Path) -> list[Path]:
    """Creates a directory and its parents; returns those that were missing, the uppermost first."""
    missing = []
    while not wanted.is_dir():
        missing.append(wanted)
        wanted = wanted.parent
    made: list[Path] = []
    try:
        for directory in reversed(missing):
            if directory.exists() and not directory.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, f"{directory} is not a directory")
            directory.mkdir(exist_ok=True)
            made.append(directory)
    except OSError:
        for directory in reversed(made):
            directory.rmdir()
        raise
    return made


def _temporary(target: Path, public: bool) -> tuple[int, Path]:
    """An open file beside the target, with the access rights that the target will have."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=SUFFIX, dir=target.parent)
    try:
        before = target.stat() if target.exists() else None
        if public:
            os.fchmod(descriptor, stat.S_IMODE(before.st_mode) if before else 0o666 & ~_umask())
        if before is not None and before.st_uid != os.geteuid():
            with contextlib.suppress(OSError):  # only root can give files away
                os.fchown(descriptor, before.st_uid, before.st_gid)
    except OSError:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)
        raise
    return descriptor, Path(name)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _put(descriptor: int, data: bytes) -> None:
    _, why = _put_some(descriptor, data)
    if why is not None:
        raise why


def _put_some(descriptor: int, data: bytes) -> tuple[int, OSError | None]:
    """Writes bytes; returns how many could be written, and why not more."""
    view = memoryview(data)
    done = 0
    while done < len(data):
        try:
            done += os.write(descriptor, view[done:])
        except OSError as why:
            return done, why
    return done, None


def _flush_directory(directory: Path) -> None:
    """Makes the new names survive a power loss, if the file system supports that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
