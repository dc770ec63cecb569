"""Identifiers: their forms, and eMI3's check character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki import names
from pki.errors import PkiError

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
INSTANCES = st.text(ALPHABET, min_size=14, max_size=14)


@pytest.mark.parametrize(("text", "check"), [("DE83DUIEN83QGZ", "D"), ("DEABC123456789", "Y")])
def test_known_check_characters(text: str, check: str) -> None:
    """From a publication, and from a recorded session."""
    assert names.check_character(text) == check
    assert names.has_check_character(text + check)


@given(INSTANCES, st.integers(0, 14), st.sampled_from(ALPHABET))
def test_every_single_mistake_is_noticed(text: str, place: int, other: str) -> None:
    """One wrong character anywhere: the check no longer holds."""
    right = text + names.check_character(text)
    wrong = right[:place] + other + right[place + 1 :]
    assert names.has_check_character(wrong) == (wrong == right)


@given(INSTANCES, st.integers(0, 13))
def test_swapped_neighbours_are_noticed(text: str, place: int) -> None:
    right = text + names.check_character(text)
    wrong = right[:place] + right[place + 1] + right[place] + right[place + 2 :]
    assert names.has_check_character(wrong) == (wrong == right)


@pytest.mark.parametrize(
    "text", ["DE-8AA-C12345678", "de8aac12345678", "DE8AAC12345678-" + names.check_character("DE8AAC12345678")]
)
def test_emaids_are_normalised(text: str) -> None:
    assert names.emaid(text) == "DE8AAC12345678" + names.check_character("DE8AAC12345678")
    assert names.provider(text) == "DE8AA"


def test_a_check_character_is_not_forced_on_anyone() -> None:
    assert names.emaid("DE8AAC12345678", check=False) == "DE8AAC12345678"


@pytest.mark.parametrize("text", ["", "DE8AAC1234567", "DE8AAC1234567890", "118AAC12345678", "DE8AÄC12345678"])
def test_what_is_not_an_emaid(text: str) -> None:
    with pytest.raises(PkiError, match="eMAID"):
        names.emaid(text)


def test_other_ids() -> None:
    assert names.evse_id("de*abc*e77*1") == "DEABCE771"
    assert names.pcid("WMI-00000000000042") == names.pcid("WMI00000000000042")
    assert len(names.pcid("WMI00000000000042")) == 18
    assert names.pcid("WMI00000000000042X") == "WMI00000000000042X", "18 characters are taken as they are"
    assert len(names.evcc_id("WMIV1234567890ABCDE")) == 20
    assert names.secc_id("DEABCS" + "1" * 33) == "DEABCS" + "1" * 33


@pytest.mark.parametrize(
    ("check", "text"),
    [(names.evse_id, "DEABC77"), (names.pcid, "WMI1"), (names.evcc_id, "WMI1234"), (names.secc_id, "DEABCS1")],
)
def test_what_is_not_an_id(check: object, text: str) -> None:
    with pytest.raises(PkiError, match="needs"):
        check(text)  # type: ignore[operator]  # one of several functions
