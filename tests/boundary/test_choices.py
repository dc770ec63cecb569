"""Names that are not known are answered with what they may have meant."""

from __future__ import annotations

import pytest

from boundary.choices import LONGEST, either, meant, near, unknown


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("iso3", ["iso2", "din"], "unknown kind 'iso3'; did you mean iso2?"),
        ("ccs9", ["CCS1", "CCS2", "NACS"], "unknown kind 'ccs9'; did you mean CCS1 or CCS2?"),
        ("loop_delay", ["loop-delay", "delay"], "unknown kind 'loop_delay'; did you mean loop-delay?"),
        ("foo", ["second", "first"], "unknown kind 'foo'; choose from second, first"),
        ("foo", {"second", "first"}, "unknown kind 'foo'; choose from first, second"),
        ("foo", [], "unknown kind 'foo'"),
        ("\x1b", ["a"], r"unknown kind '\x1b'; choose from a"),
    ],
)
def test_a_wrong_name_is_told_the_nearest_or_all(name: str, known: list[str], said: str) -> None:
    assert unknown("kind", name, known) == said


def test_a_long_list_is_not_printed_in_full() -> None:
    names = [f"name{number}" for number in range(LONGEST + 1)]
    assert meant("foo", names) == "; choose from name0, name1, name2, name3, name4, ... (41 in all)"
    assert meant("foo", names[:-1]).count("name") == LONGEST


def test_a_text_that_lists_the_names_adds_the_nearest_alone() -> None:
    assert near("foo", ["bar"]) == ""
    assert near("evc", ["evcc", "secc"]) == "; did you mean evcc?"


def test_words_are_joined_by_or() -> None:
    assert [either(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a or b", "a, b or c"]
