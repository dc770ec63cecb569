"""DER as a tree, and mutations of it: of single octets, and structural ones with all lengths right."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Node:
    """A value: its tag, and its octets or what is inside it."""

    tag: int
    value: bytes = b""
    inside: list[Node] = field(default_factory=list)

    def pack(self) -> bytes:
        body = b"".join(node.pack() for node in self.inside) if self.inside else self.value
        length = len(body)
        if length < 0x80:
            return bytes((self.tag, length)) + body
        octets = (length.bit_length() + 7) // 8
        return bytes((self.tag, 0x80 | octets)) + length.to_bytes(octets, "big") + body

    def walk(self) -> Iterator[Node]:
        yield self
        for node in self.inside:
            yield from node.walk()


def parse(data: bytes) -> list[Node]:
    """The values in a byte string that is valid DER."""
    found = []
    while data:
        tag, length, at = data[0], data[1], 2
        if length & 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
        value, data = data[at : at + length], data[at + length :]
        found.append(Node(tag, value, parse(value) if tag & 0x20 and value else []))
    return found


INTEGERS = (b"\x00", b"\xff", b"\x80" + bytes(20), b"\x7f" + b"\xff" * 400, b"", b"\x00\x00\x01")
TIMES = (
    b"260101000000Z",
    b"991399999999Z",
    b"",
    b"20260101000000Z",
    b"99991231235959Z",
    b"000101000000Z",
    b"26010100Z",
)
TEXTS = (b"", b"\xff\xfe\xfd", b"\x00", b"\x1b[31m\x07", "äöü".encode("utf-16-be"), b"A" * 5000, b"\xd8\x00")
OIDS = (
    b"",
    b"\x80",
    b"\x2a",
    b"\x55\x04\x03",
    b"\x2b\x81\x04\x00\x21",
    b"\x55\x1d\x13",
    b"\x88\x37" + b"\xff" * 30 + b"\x01",
)


def structural(data: bytes, rng: random.Random) -> bytes:
    """One value of a structure changed, doubled, removed, moved or given another type; every length fits."""
    (top,) = parse(data)
    top = copy.deepcopy(top)
    nodes = list(top.walk())
    parents = [node for node in nodes if node.inside]
    match rng.randrange(7):
        case 0:
            parent = rng.choice(parents)
            parent.inside.insert(rng.randrange(len(parent.inside)), copy.deepcopy(rng.choice(parent.inside)))
        case 1:
            parent = rng.choice(parents)
            del parent.inside[rng.randrange(len(parent.inside))]
        case 2:
            rng.shuffle(rng.choice(parents).inside)
        case 3:
            node = rng.choice(nodes)
            node.tag = rng.choice(
                (0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1C, 0x1E, 0x30, 0x31, 0xA0)
            )
        case 4:
            node = rng.choice([node for node in nodes if not node.inside])
            texts = dict.fromkeys((0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E), TEXTS)
            choices = {0x02: INTEGERS, 0x17: TIMES, 0x18: TIMES, 0x06: OIDS, **texts}.get(node.tag, TEXTS)
            node.value = rng.choice(choices)
        case 5:
            node = rng.choice([node for node in nodes if not node.inside])
            node.value = rng.randbytes(rng.choice((0, 1, 2, len(node.value), 300)))
        case 6:
            return top.pack() + rng.randbytes(rng.randrange(1, 9))
    return top.pack()


def bytewise(data: bytes, rng: random.Random) -> bytes:
    """One octet changed, some cut off, some put in between."""
    at = rng.randrange(len(data))
    match rng.randrange(4):
        case 0:
            return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]
        case 1:
            return data[:at] + bytes((rng.randrange(256),)) + data[at + 1 :]
        case 2:
            return data[:at]
    return data[:at] + rng.randbytes(rng.randrange(1, 5)) + data[at:]


def mutant(data: bytes, rng: random.Random) -> bytes:
    """One to three mutations."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        try:
            data = (structural if rng.random() < 0.6 else bytewise)(data, rng) or data
        except (IndexError, ValueError):  # a mutation before has left no DER
            data = bytewise(data, rng)
    return data
