"""The receipts that a charger got for a session, in words."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from secc.contracts import Receipt


def lines(received: Sequence[Receipt]) -> Iterator[str]:
    """The receipts of a session, in words."""
    if received:
        yield f"receipts signed by contract {received[0].emaid}:"
    for receipt in received:
        clock = datetime.datetime.fromtimestamp(receipt.time, datetime.UTC)
        reading = receipt.reading if receipt.reading is not None else "no reading"
        verdict = receipt.problem or "signature valid"
        signed = f"{receipt.signature.hex()[:24]}..."
        yield f"  {clock:%H:%M:%S}  {receipt.meter.MeterID}  {reading:>9} Wh  {signed}  {verdict}"
