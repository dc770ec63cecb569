"""A host of its own for a reader of the docs: what a documented command is executed on, word for word.

Interfaces, network namespaces, `/etc/hosts` and device files are the reader's own, so that `plc0`, `broker` and
`/dev/ttyACM0` can be there, names and ports meet nobody else's, and nothing is left behind. `sudo` and `plugfest` are
in the PATH; the latter adds stretched timers to the roles, since the machine may be busy (`processes`).
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import netns
from processes import CEILING, PATIENT, Started, started

AVAILABLE = netns.AVAILABLE and shutil.which("unshare") is not None

_HOST = """\
set -e
mkdir -p /run/netns
mount -t tmpfs none /run/netns
printf '127.0.0.1 localhost broker\\n::1 localhost\\n' > hosts
mount --bind hosts /etc/hosts
ip link set lo up
"""
ENDED = "the documented command ended with "
"""What its reader's shell says when it has ended, and its exit code."""
ETH1 = """\
address=$(ip -6 -o address show dev plc0 scope link | grep -o 'fe80[^ ]*')
ip link set plc0 down
ip link set plc0 name eth1
ip link set eth1 up
ip address add $address dev eth1 nodad
"""
"""Within a lab: the interface of the end has the name of a plain cable's."""
BROKER = """\
mosquitto -p 1883 > mosquitto.log 2>&1 &
until mosquitto_pub -h broker -t ready -m 1 2> /dev/null; do :; done
"""
DEVICES = """\
mkdir devices
mount --rbind /dev devices
mount -t tmpfs none /dev
for name in null zero full random urandom; do touch /dev/$name; mount --bind devices/$name /dev/$name; done
mkdir /dev/pts /dev/shm
mount --bind devices/pts /dev/pts
ln -s pts/ptmx /dev/ptmx
ln -s /proc/self/fd /dev/fd
"""
"""A /dev of its own, into which a board can be put."""


def programs(folder: Path) -> None:
    """``sudo`` and ``plugfest`` in ``folder/bin``."""
    where = folder / "bin"
    where.mkdir()
    scripts = {
        "sudo": 'exec "$@"',
        "relay": "exit 0",
        "plugfest": f"""\
case "$1" in
    evcc|secc) set -- "$@" {shlex.join(PATIENT)};;
esac
exec {shlex.quote(sys.executable)} -m plugfest "$@"
""",
    }
    for name, text in scripts.items():
        (where / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (where / name).chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    """What the reader's shell knows."""
    path = f"{folder / 'bin'}:{os.environ['PATH']}:/usr/sbin"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "120", "XDG_RUNTIME_DIR": str(folder)}


def script(folder: Path, line: str, before: str = "", after: str = "", *, terminal: bool = False) -> str:
    """A shell command that executes a line of the docs, ``before`` and ``after`` what else the reader does.

    The line leads a process group, as at a terminal, whose number it writes down first.
    """
    if terminal:
        line = shlex.join(["script", "--quiet", "--return", "--flush", "--command", line, "typescript"])
    leading = f'echo $$ > {folder}/group; exec bash -c "$1"'
    words = shlex.join(["setsid", "--wait", "bash", "-c", leading, "-", line])
    text = (
        f"cd {shlex.quote(str(folder))}\nset -e\n{before}\n"
        f"code=0\n{words} || code=$?\n{after}\necho '{ENDED}'$code\nexit $code\n"
    )
    (folder / "line.sh").write_text(text, encoding="utf-8")
    return f"bash {shlex.quote(str(folder / 'line.sh'))}"


@contextlib.contextmanager
def on_host(folder: Path, command: str) -> Iterator[Started]:
    """Executes a shell's command on a host of its own; whatever it started is killed in the end."""
    shell = ["unshare", "--mount", "--net", "bash", "-c", f"{_HOST}\n{command}\n"]
    with started(shell, cwd=folder, env=environment(folder), stdin=subprocess.PIPE, start_new_session=True) as made:

        def end() -> None:
            _kill(made.process.pid)
            interrupt(folder, signal.SIGKILL)

        hangs = threading.Timer(CEILING, end)
        hangs.start()
        try:
            yield made
        finally:
            hangs.cancel()
            end()


def interrupt(folder: Path, number: signal.Signals = signal.SIGINT) -> None:
    """Ctrl-C for the documented command."""
    if (folder / "group").exists():
        _kill(int((folder / "group").read_text()), number)


def _kill(group: int, number: signal.Signals = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
