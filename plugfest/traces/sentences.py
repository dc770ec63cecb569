"""The first letter of a sentence: upper case on its own, lower case after a colon. Names of messages keep theirs."""

from __future__ import annotations


def capital(text: str) -> str:
    """Text at the start of a sentence."""
    word = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if word.isalpha() and word.islower() else text


def clause(text: str) -> str:
    """Text that continues a sentence, for example after a colon."""
    word = text.partition(" ")[0]
    return text[:1].lower() + text[1:] if word.isalpha() and word.istitle() else text
