"""A file is there as a whole or not at all; one that grows ends with a whole record; nobody else reads secrets."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boundary import write
from boundary.errors import OutputError

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a file system of its own")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mount is not allowed here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=lambda mask: f"umask {mask:03o}")
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_reads_what_is_not_public(tmp_path: Path, umask: int) -> None:
    """Whatever the umask, and whatever mode the file had; public files have the umask's."""
    old = tmp_path / "old"
    old.write_text("before")
    old.chmod(0o644)
    growing = tmp_path / "growing"
    growing.write_text("before")
    growing.chmod(0o666)
    write.write(old, "secret")
    write.append(tmp_path / "keys", "secret\n")
    with write.Growing(growing) as file, write.replacing(tmp_path / "copy") as copy:
        file.write("secret")
        copy.write(b"secret")
        assert mode(growing) == mode(next(tmp_path.glob(".copy*"))) == 0o600
    for name in ("old", "keys", "growing", "copy"):
        assert mode(tmp_path / name) == 0o600
    write.write(tmp_path / "public", "text", public=True)
    assert mode(tmp_path / "public") == 0o666 & ~umask


def test_a_file_of_several_readers_keeps_its_mode(tmp_path: Path) -> None:
    """A public file that is replaced stays as public as it was."""
    path = tmp_path / "report.xml"
    path.write_text("before")
    path.chmod(0o664)
    write.write(path, "after", public=True)
    assert (path.read_text(), mode(path)) == ("after", 0o664)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it points to is replaced, also where that is not there yet."""
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for text in ("one", "two"):
        write.write(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "target").read_text() == text


def test_devices_are_written_to_and_never_replaced() -> None:
    """/dev/null stays what it is, for root too; a full one says so."""
    write.write(Path("/dev/null"), "text")
    with write.replacing(Path("/dev/null")) as file:
        file.write(b"text")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(OutputError, match=r"^cannot write /dev/full: No space left on device$"):
        write.write(Path("/dev/full"), "text")
    with pytest.raises(OutputError, match="No space left"), write.Growing(Path("/dev/full")) as growing:
        growing.write("text")


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A file or nothing in place of its directory, a directory in place of the file; no directory is made."""
    (tmp_path / "file").write_text("text")
    for path in (tmp_path / "file" / "inside", tmp_path / "missing" / "file", tmp_path):
        for attempt in (lambda path: write.write(path, "text"), write.check):
            with pytest.raises(OutputError, match=f"^cannot write {path}: "):
                attempt(path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    """An exception inside the context, of whatever kind, leaves no trace of the attempt."""
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), write.replacing_text(path) as file:
        file.write("half")
        raise KeyboardInterrupt
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("file", "old")]


@root
def test_on_a_full_disk_all_files_are_written_or_none(small: Path) -> None:
    """The old one stays, the directories made for the new ones go."""
    write.write(small / "old", "old")
    files: dict[Path, str | bytes] = {small / "new" / "deep" / f"{n}": bytes(20_000) for n in range(5)}
    with pytest.raises(OutputError, match=r"cannot write .*small/.*: No space left on device"):
        write.write_all({small / "old": "new", **files})
    assert [(path.name, path.read_text()) for path in small.iterdir()] == [("old", "old")]
    with pytest.raises(OutputError), write.replacing(small / "old") as file:
        file.write(bytes(100_000))
    assert [(path.name, path.read_text()) for path in small.iterdir()] == [("old", "old")]


@root
@pytest.mark.parametrize("record", [1000, 1024, 65_537], ids=lambda size: f"{size} bytes")
def test_on_a_full_disk_a_growing_file_ends_with_a_whole_record(small: Path, record: int) -> None:
    """It is cut back to the end of its last whole record, and takes no more, even if there is room again."""
    filler = small / "filler"
    filler.write_bytes(bytes(20_000))
    line = "x" * (record - 1) + "\n"
    file = write.Growing(small / "trace")
    with pytest.raises(OutputError, match=r"No space left on device$"):
        for _ in range(100):
            file.write(line)
            file.flush()
    filler.unlink()
    with pytest.raises(OutputError):
        file.write(line)
    file.close()
    left = (small / "trace").read_text()
    assert len(left) % record == 0
    assert left == line * (len(left) // record)


@root
def test_a_key_log_that_cannot_grow_stays_whole(small: Path) -> None:
    """What was there before stays, and no half line is added."""
    write.append(small / "keys", "x" * 999 + "\n")
    (small / "filler").write_bytes(bytes(58_000))
    with pytest.raises(OutputError):
        write.append(small / "keys", "y" * 9000 + "\n")
    assert (small / "keys").read_text() == "x" * 999 + "\n"
