"""A charger's card reader that does not wait forever."""

from __future__ import annotations

from secc.authorizer import CardReader, Decision


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_card_to_which_no_vehicle_comes_is_forgotten() -> None:
    """It counts until its patience is over; the next vehicle needs another."""
    clock = Clock()
    reader = CardReader(patience=120.0, clock=clock)
    reader.accept()
    clock.now = 119.0
    assert reader.decide() is Decision.ACCEPTED
    clock.now = 120.0
    assert reader.decide() is Decision.WAITING_FOR_CUSTOMER
    reader.begin()
    assert reader.decide() is Decision.WAITING_FOR_CUSTOMER


def test_a_vehicle_for_which_no_card_comes_is_refused() -> None:
    """A later session of the vehicle gets as long again; a card in time counts until the vehicle leaves."""
    clock = Clock()
    reader = CardReader(patience=120.0, clock=clock)
    reader.begin()
    clock.now = 119.0
    assert reader.decide() is Decision.WAITING_FOR_CUSTOMER
    clock.now = 120.0
    assert reader.decide() is Decision.REJECTED
    reader.begin()
    assert reader.decide() is Decision.WAITING_FOR_CUSTOMER
    reader.accept()
    clock.now = 10_000.0
    assert reader.decide() is Decision.ACCEPTED
    reader.left()
    assert reader.decide() is Decision.WAITING_FOR_CUSTOMER


def test_without_patience_it_waits_forever() -> None:
    """A card shown stays shown."""
    clock = Clock()
    reader = CardReader(clock=clock)
    reader.accept()
    clock.now = 1e9
    reader.begin()
    assert reader.decide() is Decision.ACCEPTED
