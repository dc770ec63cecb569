"""Phrases that read as translated stay out of code, messages and docs."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PHRASES = {
    r"\b(is|are|was|were) no (?!longer|more\b|fewer|less\b|such\b|better|worse|other\b|later\b|different)": "is not",
    r"\btold of\b": "hears of, is reported",
    r"\botherwise than\b": "deliberately wrong",
    r"\bspeaks? against\b": "suits",
    r"\bbad twins?\b": "deliberately invalid copy",
    r"\bability of a board\b": "board capability",
    r"\bfor want of\b": "for lack of, because there is",
    r"\bmade on the fly\b": "temporary",
    r"\basked for (was|were)\b": "but X was requested",
    r"\bnobody can [a-z ]*here\b": "nothing on this bench can",
    r"\bso many seconds\b": "this many seconds",
    r"\b(not|no run could) be brought to (its|their)\b": "could not reach its point",
    r"\bended in order\b": "ended normally",
    r"\bas it should\b(?! be)": "as required",
    r"\bwho has no more than\b": "if you only have",
    r"\bit holds that\b": "say the fact itself",
    r"(?<![\w.`])(the|of|to|is|are|and|for|with|at|by|there is|there are|id of|it is) \1\b": "it once",
    r"\b(?!(not|in|def|import)\b)\w+ anew\b": "start over, again",
    r"\bhears? of (a|an|the|each|every|it|them)\b": "is notified of, learns of",
    r"\btells of\b": "reports, describes",
    r"\bby and by\b": "gradually",
    r"\bstands? twice\b": "appears twice",
    r"\bmends? or remove\b": "repair",
    r"\bfor ever\b": "forever",
    r"\bas (the standard|the schema|ISO [-\d]+) ha(s|ve) (it|them)\b": "as the standard requires",
    r"\bso it (is|was|does)(?=['\"])": "as expected",
    r"\b(V|A|W|Wh|kW|s|responses|%) at the (least|most)\b": "at least, at most",
    r"\bA (are|were) (allowed|requested|asked|measured|offered)\b": "16 A is allowed",
    r"(?-i:\ba (?=(AC|EV|EXI|XML|MQTT|OCSP|eMAID|EVSE|EVCC)\b))": "an",
    r"\ba whole matching\b": "a complete matching",
    r"; (there|known|its \w+) are \{|\bunknown [\w ]+\{[^}]*\}; choose from \{": "boundary.choices.unknown",
    r"\bno ability of\b": "unknown board capability",
    r"\bnothing speaks\b": "say what suits",
    r"\bwhose doing (it|that) (is|was)\b": "who caused it",
    r"\bwhat becomes of (it|that|them)\b": "how it is handled",
    r"\bput there\b|\bis what [a-z]+ [a-z]+ do (around|below)\b": "inserted; say what it adds",
    r"\bsomething of \{": "a message of",
    r"\ball the same\b": "anyway",
    r"\bin the place of\b": "in place of, instead of",
    r"\bcounts? as not come\b": "counts as missing, is ignored",
    r"\b(cannot|can|to) be spoken\b": "be used, be negotiated",
    r"\bsaid a word\b": "has sent nothing",
    r"\b(session|phase|run|vehicle|charger|message|packet|frame|step)\(s\)": "boundary.text.counted",
    r"\bas (an?|the|[a-z]+s)? ?[a-z ]{0,40}\bha(s|ve) it\b": "as the page writes it, as on the page",
    r"\bthat there (are|is)\b(?= *([,.:;'\"]|$))": "existing",
    r"\b(that|which) (is|are) none\b": "invalid, unusable",
    r"\bunder a name (of its own|that no other has)\b": "with a unique name",
    r"\btold (once for|in one line)\b": "reported",
    r"\bheld against\b|\bholds? (an?|the|its|each|every) [\w ]+ against\b": "compared with, checked against",
    r"\bends? in order\b(?! to)": "ends normally",
    r"\b(its|the|an?|at|from) begin\b": "start, beginning",
    r"\b(that|which) is said\b(?! to)": "a note says so, it is reported",
    r"\b(goes?|going|went) round (the|an?|its|their)\b": "bypasses",
    r"\b(asks|charges|talks|plays) on\b(?=[;:,.)]| until)": "goes on asking, goes on charging",
    r"\bso much(?=[;:,.])": "that much",
    r"\bsomething else than\b": "something other than",
    r'"""who (?!signs|may charge|decides|is\b)\w+ |[:;] who (came|charges|connects|comes)\b': "a peer that",
    r"\bexpected=f?['\"]that\b": "the rule itself: the sentence says 'expected: ...'",
}
"""Pattern -> what to write instead."""

THERE = re.compile(r"\bthere (is|are|was|were) no\b", re.IGNORECASE)
"""What a native speaker says too."""


@cache
def texts() -> dict[str, str]:
    """What is in the repository, without what a native speaker says too; by name."""
    listed = subprocess.run(["git", "ls-files", "*.py", "*.md", "*.yaml"], cwd=ROOT, capture_output=True, text=True)
    names = [name for name in listed.stdout.split() if not name.startswith(("docs/campaigns", "CHANGELOG"))]
    own = Path(__file__).relative_to(ROOT).as_posix()
    return {name: THERE.sub("", (ROOT / name).read_text(encoding="utf-8")) for name in names if name != own}


@pytest.mark.parametrize("pattern", PHRASES)
def test_nothing_reads_as_translated(pattern: str) -> None:
    sought = re.compile(pattern, re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        if sought.search(text)  # much faster than line by line
        for number, line in enumerate(text.splitlines(), 1)
        if sought.search(line)
    ]
    assert not found, f"write: {PHRASES[pattern]}"
