"""An MQTT broker for tests, as a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

AVAILABLE = importlib.util.find_spec("amqtt") is not None
REASON = "needs amqtt, an MQTT broker in Python (extra dev)"

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
    command = [str(Path(sys.executable).parent / "amqtt"), "-c", str(config)]
    # The broker's own warnings are not ours.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the broker did not start") from None
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)
