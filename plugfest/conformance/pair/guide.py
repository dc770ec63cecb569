"""The guide of a person at the bench: what to prepare, to do and to answer now, and what plugfest watches meanwhile.

What the file of answers says is not asked for, and what a command is given for (``--action``) is done by the command.
All else is a dialogue on the terminal. Nobody there, and no answer: that scenario stays open.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from boundary import terminal
from boundary.console import Screen
from boundary.text import visible
from plugfest.conformance.catalogue import Case
from plugfest.conformance.pair import answers as files
from plugfest.conformance.pair.answers import Answered
from plugfest.conformance.pair.scenario import PHASES, Do, Scenario, Until, Wait
from plugfest.conformance.pair.tell import doing, expectations, preparations
from plugfest.conformance.pair.words import QUESTIONS

LOOKS_EVERY = 1.0
"""s between two looks at what was recorded so far."""

Seen = Callable[[Until], bool]
"""Whether a phase can be seen in what was recorded so far."""


class Unanswered(Exception):
    """Nobody is there, and the file of answers does not say; the text says what."""


class Stopped(KeyboardInterrupt):
    """The person at the bench ends the campaign."""


@dataclass
class Guide:
    """Leads through scenarios.

    Attributes:
        known: answers given beforehand.
        given: answers of this campaign.
        written: file that they are written to after each scenario; None: nowhere.
        commands: act -> shell command that does it.
        console: where the dialogue is.
        attended: whether a person is at the terminal.
    """

    known: Mapping[str, Answered] = field(default_factory=dict)
    written: Path | None = None
    commands: Mapping[str, str] = field(default_factory=dict)
    console: Console = field(default_factory=lambda: Console(file=cast(IO[str], Screen()), highlight=False))
    attended: bool = field(default_factory=terminal.attended)
    given: dict[str, Answered] = field(default_factory=dict)

    def answers(self, name: str) -> tuple[Answered, Answered]:
        """What is known of a scenario beforehand, and where to write down what is answered now."""
        return self.known.get(name, Answered()), self.given.setdefault(name, Answered())

    def keep(self) -> None:
        """Writes the answers down."""
        if self.written is not None:
            files.save(self.written, self.given)

    # -- the dialogue ---------------------------------------------------------------------------------------------

    async def prepare(self, case: Case, made: Scenario) -> str:
        """What holds before the scenario; gives why it cannot be carried out, or ""."""
        known, given = self.answers(made.id)
        if self.attended:
            self._outset(case, made)
        if known.prepared is None:
            lines = list(preparations(case))
            what = "is all of this prepared?" if lines else "ready?"
            answer = await self._choice(f"{made.id}: prepared", f"{what} [Enter] yes, [s] skip, [q] stop", "s")
            given.prepared = answer != "s"
        else:
            given.prepared = known.prepared
        return "" if given.prepared else "it was not prepared: skipped at the bench"

    async def act(self, made: Scenario, step: Do) -> tuple[float | None, str]:
        """An act: when it was done, or None and why it cannot be done."""
        known, given = self.answers(made.id)
        said, what = known.done.get(step.mark), doing(step)
        if said is False:
            given.done[step.mark] = False
            return None, f"cannot be done at this bench: {what}"
        if step.act in self.commands:
            return await self._command(made, step)
        if said is None:
            self._now(what, step.port)
            prompt = "[Enter] when it is done, [c] cannot be done, [q] stop"
            if await self._choice(f"{made.id}: {step.mark}", prompt, "c") == "c":
                given.done[step.mark] = False
                return None, f"cannot be done at this bench: {what}"
        else:
            self._line(f"  done: {what}", "green")
        when = time.time()
        given.done[step.mark] = when
        return when, ""

    def does(self, step: Do) -> float:
        """Says that our own end does an act; gives when."""
        self._line(f"  plugfest does it: {doing(step)}", "cyan")
        return time.time()

    async def _command(self, made: Scenario, step: Do) -> tuple[float | None, str]:
        command, when = self.commands[step.act], time.time()
        self._line(f"  {doing(step)}: {command}", "cyan")
        done = await asyncio.create_subprocess_shell(command, stdin=asyncio.subprocess.DEVNULL)
        if await done.wait() != 0:
            return None, f"the command for {step.act} ended with {done.returncode}"
        self.given[made.id].done[step.mark] = when
        return when, ""

    async def pause(self, step: Wait) -> None:
        """Lets time pass."""
        self._now(doing(step), 1)
        await self._passing(step.seconds, lambda: False, skip=False)

    async def until(self, step: Until, seen: Seen) -> None:
        """Lets time pass until a phase is seen in the recording, or by the person."""
        self._now(doing(step), step.port)
        if self.attended:
            self._line("    [Enter] once it is there, or can no longer come", "dim")
        if await self._passing(step.within, lambda: seen(step), skip=True):
            self._line(f"    seen: {PHASES[step.phase].title}", "green")

    async def ask(self, made: Scenario, question: str) -> bool | None:
        """What only a person sees; None: nobody says."""
        known, given = self.answers(made.id)
        said = known.asked.get(question)
        if said is None and self.attended:
            self._line(f"  {QUESTIONS[question]}", "bold yellow")
            said = (
                await self._choice(f"{made.id}: {question}", "[y] yes, [n] no, [q] stop", "y", "n", empty=False) == "y"
            )
        if said is not None:
            given.asked[question] = said
        return said

    async def captures(self, made: Scenario, unfit: Callable[[Path], str]) -> list[Path]:
        """The recordings that are handed in, one per port.

        Args:
            unfit: why a file cannot be judged, or "".

        Raises:
            Unanswered: nobody does.
        """
        known, given = self.answers(made.id)
        found = list(known.captures)
        while len(found) < made.ports:
            port = f" of port {len(found) + 1}" if made.ports > 1 else ""
            prompt = f"file of the recording{port} (pcap, pcapng, trace), [Enter] there is none"
            word = await self._typed(f"{made.id}: captures", prompt)
            if not word:
                raise Unanswered("no recording was handed in")
            if why := unfit(Path(word)):
                self._line(f"  {why}", "red")
            else:
                found.append(Path(word))
        given.captures = found
        return found

    # -- inside ---------------------------------------------------------------------------------------------------

    def _outset(self, case: Case, made: Scenario) -> None:
        table = Table.grid(padding=(0, 2))
        for name, lines in (
            ("prepare", list(preparations(case)) or ["an idle vehicle and an idle charger"]),
            ("then", [doing(step) for step in made.steps]),
            ("watched", list(expectations(case))),
        ):
            for number, line in enumerate(lines):
                table.add_row(Text(name if not number else "", "bold"), Text(visible(line)))
        about = max(made.seconds / 60, 1)
        title = Text(f"{made.id}  {visible(made.title)}  (at most {about:.0f} min)")
        self.console.print(Panel(table, title=title, title_align="left"))

    def _now(self, what: str, port: int) -> None:
        self._line(f"  now: {what}", "bold")

    def _line(self, text: str, style: str = "") -> None:
        self.console.print(Text(visible(text), style), soft_wrap=True)

    async def _choice(self, name: str, prompt: str, *others: str, empty: bool = True) -> str:
        """One of the letters, or "" for Enter."""
        while True:
            word = (await self._typed(name, prompt)).lower()[:1]
            if word in others or (not word and empty):
                return word

    async def _typed(self, name: str, prompt: str) -> str:
        if not self.attended:
            raise Unanswered(f"the answers do not mention {name}, and there is no terminal to ask at")
        self.console.print(Text(f"    {prompt}: "), end="")
        try:
            line = await terminal.typed()
        except terminal.Ended:
            raise Stopped from None
        if line is not None and line.lower() == "q":
            raise Stopped
        return line or ""

    async def _passing(self, seconds: float, seen: Callable[[], bool], *, skip: bool) -> bool:
        """Waits; whether it was seen before the time was over. The person may end what can be skipped."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if seen():
                return True
            if self.attended and skip:
                with contextlib.suppress(terminal.Ended):
                    if (word := await terminal.typed(min(left, LOOKS_EVERY))) is not None:
                        if word.lower() == "q":
                            raise Stopped
                        return False
            else:
                await asyncio.sleep(min(left, LOOKS_EVERY))
        return seen()
