"""What is said of a connection that failed: the system's words, whatever library reports it."""

from __future__ import annotations

import errno
import socket

import pytest

from boundary.errors import unconnected


def _hidden(why: OSError) -> Exception:
    """As aiomqtt does it."""
    try:
        try:
            raise why
        except OSError as one:
            raise RuntimeError(str(one)) from None
    except RuntimeError as two:
        return two


REFUSED = OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)")


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (REFUSED, "Connection refused"),
        (_hidden(REFUSED), "Connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (TimeoutError(), "no answer"),
        (RuntimeError("not authorized"), "not authorized"),
    ],
)
def test_a_failed_connection_is_told_in_the_words_of_the_system(why: Exception, said: str) -> None:
    assert unconnected(why) == said
