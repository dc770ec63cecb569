"""An MQTT broker for tests, as a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from processes import CEILING

AVAILABLE = importlib.util.find_spec("amqtt") is not None
REASON = "needs amqtt, an MQTT broker in Python (extra test)"

_CONFIG = """\
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def broker(directory: Path, port: int = 0) -> Iterator[int]:
    """The port of a broker that accepts connections; it ends with the context and keeps nothing."""
    port = port or free_port()
    config = directory / f"amqtt-{port}.yaml"
    config.write_text(_CONFIG.format(port=port))
    with _running([str(Path(sys.executable).parent / "amqtt"), "-c", str(config)], port):
        yield port


# ---------------------------------------------------------------------------------------------------------------
# The broker of Debian: MQTT 5, passwords, TLS

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NO_MOSQUITTO = "needs mosquitto (Debian package), for MQTT 5, passwords and TLS"


@contextlib.contextmanager
def mosquitto(
    directory: Path, port: int = 0, *, user: tuple[str, str] | None = None, tls: tuple[Path, Path] | None = None
) -> Iterator[int]:
    """As :func:`broker`; with a user's name and password, and with TLS by a certificate and its key."""
    assert MOSQUITTO is not None
    port = port or free_port()
    lines = [f"listener {port} 127.0.0.1", f"allow_anonymous {'false' if user else 'true'}", "user root"]
    if user:
        passwords = directory / "passwords"
        passwords.touch(0o600)
        subprocess.run(["mosquitto_passwd", "-b", passwords, *user], check=True, capture_output=True)
        lines.append(f"password_file {passwords}")
    if tls:
        lines += [f"certfile {tls[0]}", f"keyfile {tls[1]}"]
    config = directory / f"mosquitto-{port}.conf"
    config.write_text("\n".join(lines) + "\n")
    with _running([MOSQUITTO, "-c", str(config)], port):
        yield port


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    # The broker's own warnings are not ours.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        deadline = time.monotonic() + CEILING
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the broker did not start") from None
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)
