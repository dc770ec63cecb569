"""TLS session secrets as text: the key log format that browsers and Wireshark use (NSS)."""

from __future__ import annotations


class KeyLog:
    """Session secrets by label and client random, from NSS key log text."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[str, bytes], bytes] = {}

    def __len__(self) -> int:
        return len(self._secrets)

    def add(self, text: bytes) -> int:
        """Takes the lines that are secrets and ignores the others; returns the number taken."""
        count = 0
        for line in text.splitlines():
            words = line.split()
            if len(words) != 3:
                continue
            try:
                label, random, secret = words[0].decode("ascii"), bytes.fromhex(words[1].decode("ascii")), words[2]
                if len(random) == 32:
                    self._secrets[label, random] = bytes.fromhex(secret.decode("ascii"))
                    count += 1
            except ValueError:
                continue
        return count

    def get(self, label: str, random: bytes) -> bytes | None:
        return self._secrets.get((label, random))

    def lines(self) -> bytes:
        """The secrets as a key log."""
        return "".join(f"{label} {random.hex()} {s.hex()}\n" for (label, random), s in self._secrets.items()).encode()
