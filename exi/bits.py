"""Reads and writes single bits, most significant first, never aligned."""

from exi.errors import DecodeError


class BitReader:
    """A stream of bits over bytes. The cost of a read depends on its width, not on the length of the stream.

    Attributes:
        position: offset of the next bit from the start of the stream.
    """

    __slots__ = ("_data", "end", "position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.end = len(data) * 8
        self.position = 0

    @property
    def left(self) -> int:
        """Number of bits not yet read."""
        return self.end - self.position

    def bits(self, width: int) -> int:
        """The next ``width`` bits as an unsigned number.

        Raises:
            DecodeError: fewer are left.
        """
        start = self.position
        stop = start + width
        if stop > self.end:
            raise DecodeError(
                f"the stream ends: {width} bit{'s' * (width != 1)} needed, {self.left} left",
                bit=start,
                missing=width - self.left,
            )
        self.position = stop
        chunk = int.from_bytes(self._data[start >> 3 : (stop + 7) >> 3], "big")
        return chunk >> (-stop & 7) & ((1 << width) - 1)

    def octets(self, count: int) -> bytes:
        """The next ``count`` bytes, at any bit position.

        Raises:
            DecodeError: fewer are left.
        """
        if count * 8 > self.left:
            raise DecodeError(
                f"{count} bytes announced, {self.left // 8} left", bit=self.position, missing=count * 8 - self.left
            )
        return self.bits(count * 8).to_bytes(count, "big")


class BitWriter:
    """Collects bits; :meth:`getvalue` pads with zero bits to a whole byte."""

    __slots__ = ("_chunks", "_length")

    def __init__(self) -> None:
        self._chunks: list[tuple[int, int]] = []
        self._length = 0

    @property
    def position(self) -> int:
        return self._length

    def bits(self, value: int, width: int) -> None:
        """Appends ``value`` (0 .. 2**width - 1) in ``width`` bits."""
        if width:
            self._chunks.append((value, width))
            self._length += width

    def octets(self, data: bytes) -> None:
        self.bits(int.from_bytes(data, "big"), len(data) * 8)

    def getvalue(self) -> bytes:
        chunks, length = self._chunks, self._length
        while len(chunks) > 1:  # pairwise, so that long streams stay cheap
            odd = chunks[-1:] if len(chunks) & 1 else []
            pairs = zip(chunks[0::2], chunks[1::2], strict=False)
            chunks = [(a << m | b, n + m) for (a, n), (b, m) in pairs] + odd
        self._chunks = chunks
        value = chunks[0][0] if chunks else 0
        return (value << (-length & 7)).to_bytes((length + 7) >> 3, "big")
