"""Reading and writing the length-prefixed structures of TLS; every read is bounded."""

from __future__ import annotations

from v2g.tls.failure import Fatal


class Reader:
    """Takes fields off a byte string.

    Args:
        where: name of the message, for error texts.
    """

    def __init__(self, data: bytes, where: str) -> None:
        self._data = data
        self._at = 0
        self.where = where

    def take(self, count: int, what: str = "") -> bytes:
        """The next ``count`` bytes.

        Raises:
            Fatal: decode_error, if there are fewer.
        """
        end = self._at + count
        if end > len(self._data):
            missing = f"{count} bytes at offset {self._at} of {len(self._data)}"
            raise Fatal("decode_error", f"{self.where}{'.' + what if what else ''}: {missing}")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def integer(self, octets: int, what: str = "") -> int:
        return int.from_bytes(self.take(octets, what), "big")

    def vector(self, octets: int, what: str = "") -> bytes:
        """A byte string after a length of ``octets`` octets."""
        return self.take(self.integer(octets, what), what)

    def inner(self, octets: int, what: str) -> Reader:
        """A reader for the content of a vector."""
        return Reader(self.vector(octets, what), f"{self.where}.{what}")

    @property
    def more(self) -> bool:
        return self._at < len(self._data)

    def end(self) -> None:
        """Raises Fatal if bytes are left."""
        if self.more:
            raise Fatal("decode_error", f"{self.where}: {len(self._data) - self._at} bytes too many")

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)


def vector(octets: int, data: bytes) -> bytes:
    """``data`` with its length in front."""
    return len(data).to_bytes(octets, "big") + data


def u16s(values: list[int]) -> bytes:
    """A list of 16-bit numbers with its length in bytes in front."""
    return vector(2, b"".join(value.to_bytes(2, "big") for value in values))


def read_u16s(reader: Reader, what: str = "list") -> list[int]:
    inner = reader.inner(2, what)
    values = []
    while inner.more:
        values.append(inner.integer(2))
    return values
