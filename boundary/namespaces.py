"""Interfaces in another network namespace, by the name ``NAMESPACE/INTERFACE``.

A socket always belongs to the namespace in which it was created, so only its creation happens inside. A name without
``/`` is an interface in this process's own namespace, and no namespace is entered.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

NAMED = Path("/run/netns")
"""Where ``ip netns add`` keeps namespaces."""
_NEWNET = 0x40000000  # CLONE_NEWNET


def split(name: str) -> tuple[str, str]:
    """Namespace and interface; the namespace is "" if the name has none."""
    namespace, slash, interface = name.rpartition("/")
    return (namespace, interface) if slash else ("", name)


def why_not(name: str, why: OSError) -> str:
    """Why the namespace of an interface was not entered, in one line that says what to do."""
    namespace = split(name)[0]
    if isinstance(why, PermissionError):
        return f"{name} is in another network namespace, and entering it needs root; try sudo"
    if isinstance(why, FileNotFoundError):
        return f"unknown network namespace {namespace!r}; `ip netns list` shows those that exist"
    return f"cannot enter network namespace {namespace}: {why.strerror}"


def exists(namespace: str) -> bool:
    """Whether a namespace of this name exists."""
    return (NAMED / namespace).exists()


@contextlib.contextmanager
def inside(name: str) -> Iterator[str]:
    """Puts the calling thread into an interface's namespace while the context is open; nothing may be awaited inside.

    Args:
        name: ``INTERFACE`` or ``NAMESPACE/INTERFACE``.

    Yields:
        The interface's name inside the namespace.

    Raises:
        OSError: the namespace does not exist, or this process may not enter it (CAP_SYS_ADMIN).
    """
    namespace, interface = split(name)
    if not namespace:
        yield interface
        return
    if "/" in namespace or namespace.startswith("."):
        raise FileNotFoundError(2, "No such network namespace", namespace)
    with _opened("/proc/thread-self/ns/net") as home, _opened(str(NAMED / namespace)) as there:
        _enter(there)
        try:
            yield interface
        finally:
            _enter(home)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield number
    finally:
        os.close(number)


def _enter(number: int) -> None:
    """`os.setns`, which Python has from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(number, _NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
