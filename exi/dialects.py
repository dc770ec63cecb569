"""Deviations from the EXI specification that codecs in the field share.

By default we write what the standard says. A decoder that fails with that tries the others and reports which one fits.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a codec family deviates.

    Attributes:
        name: the name users know it by.
        long_end: local names of list elements after whose last allowed occurrence the codec still offers one more
            (so that the end costs the longer code).
        empty: "length" writes an empty value with length zero, "omitted" as an undeclared end-element.
        typed_fragments: fragments of elements whose name has several types use the element's own grammar.
        swapped_roots: pairs of local names of root elements whose event codes are exchanged.
    """

    name: str
    long_end: frozenset[str] = frozenset()
    empty: Literal["length", "omitted"] = "length"
    typed_fragments: bool = False
    swapped_roots: tuple[tuple[str, str], ...] = ()

    def stays_open(self, element: str) -> bool:
        """True if a list of this element never counts as full."""
        return element in self.long_end


STANDARD = Dialect("standard")
