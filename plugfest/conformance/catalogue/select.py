"""Which cases: by words (``-k``)."""

from __future__ import annotations

import re

from plugfest.conformance.catalogue import Case

_TOKEN = re.compile(r"\(|\)|[^\s()]+")


def matches(expression: str, case: Case) -> bool:
    """Whether words joined by ``and``, ``or``, ``not`` and parentheses hold for a case.

    A word holds if it is part of the id, title, family, group, tags or another name, in any letter case.

    Raises:
        ValueError: the expression cannot be read.
    """
    text = " ".join((case.id, case.title, case.family, case.group, *case.tags, *case.also_known_as)).lower()
    tokens = _TOKEN.findall(expression)
    position = 0

    def peek() -> str:
        return tokens[position].lower() if position < len(tokens) else ""

    def take() -> str:
        nonlocal position
        if position >= len(tokens):
            raise ValueError("a word is missing at the end")
        position += 1
        return str(tokens[position - 1])

    def either() -> bool:
        value = both()
        while peek() == "or":
            take()
            other = both()
            value = value or other
        return value

    def both() -> bool:
        value = negation()
        while peek() == "and":
            take()
            other = negation()
            value = value and other
        return value

    def negation() -> bool:
        word = take()
        if word.lower() == "not":
            return not negation()
        if word == "(":
            value = either()
            if take() != ")":
                raise ValueError("a closing parenthesis is missing")
            return value
        if word.lower() in ("and", "or", ")"):
            raise ValueError(f"{word!r} where a word is needed")
        return word.lower() in text

    value = either()
    if position != len(tokens):
        raise ValueError(f"{tokens[position]!r} after the end; join words with and, or, not")
    return value
