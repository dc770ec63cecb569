"""Pilot boards with a line-based text protocol: on a serial device, or on a socket in front of one.

    host:   hello evse          board:  plugfest-pilot 1 evse can_e can_f
            ping                        pong
            duty=5                      state=B duty=5 high=9 low=-12
            fault=E                     error too hot
            state=C

ASCII lines, each ended by LF (a CR before it is ignored), at most `MAX_LINE` bytes. The board reports after its
greeting and on each change. Both sides treat three seconds of silence as a loss; the host pings every second.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import termios
from collections.abc import AsyncIterator, Iterator
from typing import TypeAlias

from boundary.errors import unconnected
from slac.pilot import State
from slac.pilot_board import OPEN_WITHIN, VERSION, Board, BoardPilot, PilotError, abilities, report_of, short

MAX_LINE = 120  # bytes without the line end; small boards have small buffers
BAUD = 115200
PING_EVERY = 1.0  # s
LOST_AFTER = 3.0  # s of silence, for both sides
_CONNECT_WITHIN = 5.0  # s
_MAX_UNSENT = 4096  # bytes; a board that does not read them is lost

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

# ---------------------------------------------------------------------------------------------------------------
# Lines


def format_pairs(pairs: dict[str, str | float]) -> bytes:
    """``key=value`` words as a line."""
    return format_line(" ".join(f"{k}={v if isinstance(v, str) else f'{v:.4g}'}" for k, v in pairs.items()))


def format_line(text: str) -> bytes:
    """A line with its end, truncated to the maximum length."""
    return text.encode("ascii", "replace")[:MAX_LINE] + b"\n"


def words_of(line: bytes) -> list[str]:
    """The words of a line.

    Raises:
        PilotError: it is not printable ASCII, or it is too long.
    """
    if len(line) > MAX_LINE:
        raise PilotError(f"a line of more than {MAX_LINE} bytes")
    if any(not 0x20 <= byte <= 0x7E for byte in line):
        raise PilotError(f"not a line of printable ASCII: {short(line)}; check the baud rate")
    return line.decode("ascii").split()


def pairs_of(words: list[str]) -> dict[str, str]:
    """``key=value`` words.

    Raises:
        PilotError: a word is not such a pair, or a key appears twice.
    """
    pairs: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key in pairs:
            raise PilotError(f"neither a known word nor key=value, once each: {short(word)}")
        pairs[key] = value
    return pairs


class Lines:
    """Splits a stream of bytes into lines; a line that is too long remains too long, but uses no memory."""

    def __init__(self) -> None:
        self._begun = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines completed so far, without their ends; empty ones are left out."""
        *done, rest = data.split(b"\n")
        for part in done:
            self._add(part)
            line = bytes(self._begun).removesuffix(b"\r")
            self._begun.clear()
            if line:
                yield line
        self._add(rest)

    def _add(self, part: bytes) -> None:
        # Two more than allowed: without a carriage return, the rest is still refused as too long.
        self._begun += part[: max(0, MAX_LINE + 2 - len(self._begun))]


# ---------------------------------------------------------------------------------------------------------------
# The host


@contextlib.asynccontextmanager
async def over_line(
    board: Board, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, within: float = OPEN_WITHIN
) -> AsyncIterator[Board]:
    """The pilot, once its board has greeted; leaving stops the pings, so that the board goes to its safe state.

    Raises:
        PilotError: no greeting, the other end's board, or another version.
    """
    host = _Host(board, reader, writer)
    reading = asyncio.create_task(host.read())
    pinging: asyncio.Task[None] | None = None
    try:
        await host.greet(within)
        pinging = asyncio.create_task(host.ping())
        yield board
    finally:
        board.let_go()
        tasks = [task for task in (reading, pinging) if task]
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result  # an error of a subscriber, which must not get lost


class _Host:
    def __init__(self, board: BoardPilot, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        self._board, self._reader, self._writer = board, reader, writer
        self._greeted: asyncio.Future[None] = loop.create_future()
        self._hellos = 0
        self._refusal = ""
        self._last = loop.time()
        board.transmit = self._wish

    async def greet(self, within: float) -> None:
        """Sends hello every second until the board greets.

        Raises:
            PilotError: no board answers in time.
        """
        try:
            async with asyncio.timeout(within):
                while not self._greeted.done():
                    self._hellos += 1
                    self._write(f"hello {self._board.END}")
                    await asyncio.wait({self._greeted}, timeout=PING_EVERY)
            self._greeted.result()
        except TimeoutError:
            raise PilotError(
                f"no pilot board answers within {within:g} s; check the device, its baud rate and the board's power"
            ) from None
        finally:
            self._greeted.cancel()

    async def ping(self) -> None:
        while not self._board.problem:
            self._write("ping")
            await asyncio.sleep(PING_EVERY)

    async def read(self) -> None:
        why = "the line was closed"
        try:
            why = await self._read_lines()
        except OSError as error:
            why = error.strerror or type(error).__name__
        finally:
            if not self._greeted.done():
                self._greeted.set_exception(PilotError(self._refusal or f"pilot board: {why}"))
            self._board.lose(f"pilot board lost: {why}")

    async def _read_lines(self) -> str:
        loop, lines = asyncio.get_running_loop(), Lines()
        while True:
            deadline = self._last + LOST_AFTER if self._greeted.done() else None
            if deadline is not None and loop.time() >= deadline:  # endless noise counts as silence too
                return f"silent for {LOST_AFTER:g} s"
            try:
                async with asyncio.timeout_at(deadline):
                    data = await self._reader.read(256)
            except TimeoutError:
                continue
            if not data:
                return "it closed the line"
            for line in lines.feed(data):
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            words = words_of(line)
            match words:
                case ["plugfest-pilot", *more]:
                    self._greeting(more)
                case ["error", *why]:
                    self._refusal = f"pilot board refuses: {' '.join(why)}"
                    self._board.note(self._refusal)
                case _ if not self._greeted.done():
                    return  # output of a boot loader, or the rest of a line
                case ["pong"]:
                    pass
                case _:
                    self._board.heard(report_of(pairs_of(words)))
        except PilotError as problem:
            if self._greeted.done():
                self._board.note(f"pilot board: {problem}")
            return
        self._last = asyncio.get_running_loop().time()

    def _greeting(self, words: list[str]) -> None:
        self._hellos -= 1
        if self._greeted.done():
            if self._hellos < 0:  # not the answer to a hello repeated in vain
                self._board.lose("pilot board lost: it restarted")
            return
        try:
            if words[:1] != [str(VERSION)]:
                version = short(" ".join(words[:1]))
                raise PilotError(f"the board speaks version {version} of the protocol; it needs firmware for {VERSION}")
            if words[1:2] != [self._board.END]:
                raise PilotError(f"this is a board for {short(' '.join(words[1:2]))}, not for {self._board.END}")
            self._board.found(abilities(words[2:]))
        except PilotError as problem:
            self._greeted.set_exception(problem)
        else:
            self._greeted.set_result(None)

    def _wish(self, key: str, value: float | State) -> None:
        if not self._board.problem:
            self._write(f"{key}={value.value if isinstance(value, State) else f'{value:.4g}'}")

    def _write(self, text: str) -> None:
        if self._writer.transport.get_write_buffer_size() > _MAX_UNSENT:
            self._board.lose("pilot board lost: it does not read what is sent")
        elif not self._writer.is_closing():
            self._writer.write(format_line(text))


# ---------------------------------------------------------------------------------------------------------------
# Where the line is


@contextlib.asynccontextmanager
async def open_line(target: str) -> AsyncIterator[Streams]:
    """The two streams of ``serial:/dev/ttyACM0``, ``serial:/dev/ttyUSB0@19200``, ``tcp:HOST:PORT`` or ``unix:PATH``.

    Raises:
        PilotError: no such target, or it cannot be opened; one line that says what to do.
    """
    kind, _, place = target.partition(":")
    if kind == "serial":
        path, at, baud = place.rpartition("@")
        if not (path if at else place):
            raise PilotError("serial: names no device; write serial:DEVICE, for example serial:/dev/ttyACM0")
        async with _serial(path if at else place, baud if at else str(BAUD)) as streams:
            yield streams
        return
    reader, writer = await _connect(kind, place)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _connect(kind: str, place: str) -> Streams:
    try:
        async with asyncio.timeout(_CONNECT_WITHIN):
            if kind == "unix":
                return await asyncio.open_unix_connection(place)
            host, _, port = place.rpartition(":")
            if not host or not port.isascii() or not port.isdecimal() or int(port[:6]) > 65535:
                raise PilotError(f"no address: tcp:{place}; write tcp:HOST:PORT")
            return await asyncio.open_connection(host.removeprefix("[").removesuffix("]"), int(port))
    except TimeoutError:
        raise PilotError(
            f"{kind}:{place} does not answer; check the address and that the board's server runs"
        ) from None
    except (OSError, UnicodeError) as why:  # the latter: an invalid host name
        text = unconnected(why)
        raise PilotError(f"cannot connect to {kind}:{place} ({text}); check that the board's server runs") from None


def open_tty(path: str, baud: str = str(BAUD)) -> int:
    """File descriptor of a serial device: raw, 8N1, not blocking, ours alone.

    Raises:
        PilotError: missing, not permitted, in use, no serial device, or no such baud rate.
    """
    speed: int | None = getattr(termios, f"B{baud}", None) if baud.isdecimal() and int(baud[:9]) else None
    if speed is None:
        raise PilotError(f"{short(baud)} is not a baud rate of this system; write serial:PATH@19200 or another")
    try:
        tty = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise PilotError(f"{path} does not exist; is the board plugged in? See ls /dev/serial/by-id") from None
    except PermissionError:
        hint = "join the group that owns it (usually: sudo usermod -aG dialout $USER)"
        raise PilotError(f"no permission for {path}; {hint}") from None
    except (OSError, ValueError) as why:
        busy = isinstance(why, OSError) and why.errno == errno.EBUSY
        text = "another program uses it; close that program" if busy else getattr(why, "strerror", None) or str(why)
        raise PilotError(f"cannot open {path}: {text}") from None
    try:
        settings = termios.tcgetattr(tty)
        # Two programs on one line would take each other's characters.
        fcntl.ioctl(tty, termios.TIOCEXCL)
        # No HUPCL: DTR resets boards, and closing the line must not reset them.
        control = termios.CS8 | termios.CREAD | termios.CLOCAL
        settings[:6] = [termios.IGNBRK, 0, control, 0, speed, speed]
        settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0
        termios.tcsetattr(tty, termios.TCSANOW, settings)
        termios.tcflush(tty, termios.TCIOFLUSH)
    except termios.error as why:
        os.close(tty)
        raise PilotError(f"{path} is not a serial device ({why.args[-1]}); name the board's tty") from None
    except OSError as why:
        os.close(tty)
        raise PilotError(f"cannot set up {path}: {why}") from None
    return tty


@contextlib.asynccontextmanager
async def _serial(path: str, baud: str) -> AsyncIterator[Streams]:
    tty = open_tty(path, baud)
    async with contextlib.AsyncExitStack() as stack:
        # Each transport closes its own descriptor.
        incoming = stack.enter_context(os.fdopen(tty, "rb", buffering=0))
        outgoing = stack.enter_context(os.fdopen(os.dup(tty), "wb", buffering=0))
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        receiving, _ = await loop.connect_read_pipe(lambda: protocol, incoming)
        stack.callback(receiving.close)
        sending, writing = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), outgoing
        )
        # Data that a lost board has not read would keep the transport open forever.
        stack.callback(sending.abort)
        yield reader, asyncio.StreamWriter(sending, writing, reader, loop)
