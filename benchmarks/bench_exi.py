"""EXI encode and decode per message: the generated code against the walker, and against another codec if installed.

The other codec is EXIficient, as the package ``iso15118`` brings it (Java, through py4j): set ``PLUGFEST_PEER_VENV`` to
a virtual environment that has it (``make interop`` makes one). It answers in JSON over a socket, so its figures
include that transport.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import exi
from benchmarks.samples import SESSION_ID, messages
from exi.generate import generated
from exi.tree import from_message
from exi.walker import Decoder, Encoder
from v2g.protocols import Protocol

SECONDS = 0.3
"""How long each figure is measured."""


def _measure(work: Callable[[], object]) -> float:
    """Microseconds per call: the best of five stretches."""
    work()
    best, stretch = float("inf"), SECONDS / 5
    for _ in range(5):
        count, started = 0, time.perf_counter()
        while (took := time.perf_counter() - started) < stretch:
            for _ in range(10):
                work()
            count += 10
        best = min(best, took / count)
    return best * 1e6


def figures(protocol: Protocol, message: Any) -> dict[str, dict[str, float]]:
    """Microseconds per executor, for encoding and decoding."""
    made = protocol.schema_of(type(message))
    document = protocol.wrap(message, SESSION_ID)
    grammar = exi.grammar(made)
    data = exi.encode(made, document)
    fast = generated(made, grammar)
    assert fast.decode(data, False) == document
    return {
        "encode": {
            "walker": _measure(lambda: Encoder(grammar).encode(from_message(made, document))),
            "generated": _measure(lambda: exi.encode(made, document)),
        },
        "decode": {
            "walker": _measure(lambda: Decoder(grammar, data).decode()),
            "generated": _measure(lambda: exi.decode(made, data)),
        },
    }


PEER = """
import json, sys, time
from iso15118.shared.exificient_exi_codec import ExificientEXICodec
codec = ExificientEXICodec()
for line in sys.stdin:
    data, namespace, rounds = json.loads(line)
    octets = bytes.fromhex(data)
    text = codec.decode(octets, namespace)
    for _ in range(300): codec.decode(octets, namespace); codec.encode(text, namespace)
    started = time.perf_counter()
    for _ in range(rounds): codec.decode(octets, namespace)
    decoded = time.perf_counter()
    for _ in range(rounds): codec.encode(text, namespace)
    print("=", (time.perf_counter() - decoded) / rounds * 1e6, (decoded - started) / rounds * 1e6, flush=True)
"""


def peer_figures(documents: list[tuple[str, Protocol, Any]]) -> list[tuple[float, float]]:
    """Microseconds for encoding and decoding of the other codec, or nothing where it is not installed."""
    home = os.environ.get("PLUGFEST_PEER_VENV", ".interop/venv")
    python = Path(home) / "bin" / "python"
    if not python.exists():
        return []
    lines = [
        json.dumps([exi.encode(made, protocol.wrap(message, SESSION_ID)).hex(), made.namespace, 1000])
        for _, protocol, message in documents
        for made in [protocol.schema_of(type(message))]
    ]
    done = subprocess.run([python, "-c", PEER], input="\n".join(lines), capture_output=True, text=True, check=False)
    found = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("= ")]
    if len(found) != len(documents):
        print(f"  (the other codec failed: {done.stderr.strip().splitlines()[-1:]})")
        return []
    return [(float(encode), float(decode)) for encode, decode in found]


def main() -> None:
    documents = messages()
    peer = peer_figures(documents) or [None] * len(documents)
    print("microseconds a message; x: times the generated code's")
    print(f"  {'':<33}{'':<8}{'generated':>11}{'walker':>18}{'EXIficient (Java)':>24}")
    for (name, protocol, message), other in zip(documents, peer, strict=True):
        for place, (verb, each) in enumerate(figures(protocol, message).items()):
            mine, slow = each["generated"], each["walker"]
            theirs = "not installed" if other is None else f"{other[place]:8.0f} {other[place] / mine:7.1f} x"
            print(
                f"  {name if place == 0 else '':<33}{verb:<8}{mine:>11.1f}{slow:>9.0f} {slow / mine:6.1f} x{theirs:>24}"
            )


if __name__ == "__main__":
    main()
