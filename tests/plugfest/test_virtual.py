"""The virtual loop: its clock jumps, and what comes from outside still arrives."""

import asyncio
import socket
import threading

import pytest

from plugfest.virtual import DeadlockError, run


def test_a_long_sleep_takes_no_time() -> None:
    async def main() -> float:
        await asyncio.sleep(3600.0)
        return asyncio.get_running_loop().time()

    assert run(main()) == 3600.0


def test_a_wait_that_nothing_can_end_is_a_deadlock() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError):
        run(main())


def test_a_call_from_another_thread_arrives_although_the_loop_never_rests() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str] = loop.create_future()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(done.set_result, "arrived"))
        thread.start()
        while not done.done():  # noqa: ASYNC110 - a loop that always has work is what is tested
            await asyncio.sleep(0)
        thread.join()
        return done.result()

    assert run(main()) == "arrived"


def test_a_socket_is_read_although_the_loop_never_rests() -> None:
    async def main() -> bytes:
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            reading = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(near, 10))
            await asyncio.sleep(0)
            far.send(b"arrived")
            while not reading.done():  # noqa: ASYNC110 - a loop that always has work is what is tested
                await asyncio.sleep(0)
            return reading.result()

    assert run(main()) == b"arrived"
