"""What becomes of a coroutine that is cancelled from another thread, and of the end of a source."""

import asyncio
from concurrent.futures import CancelledError

import pytest

from pytest_epoll._serving.async_home import find_home


@pytest.fixture
def home():
    home = find_home()()
    yield home
    home.close()


def test_a_cancel_that_comes_late_does_not_interrupt_the_end_of_a_source(home):
    ended, errors = [], []

    async def source():
        try:
            yield 1
        finally:
            home.cancel()
            await asyncio.sleep(0)
            ended.append(True)

    iterator = source()
    assert 1 == home.run(anext(iterator))
    home.finish(iterator, errors.append)

    assert ([True], []) == (ended, errors)


def test_what_is_run_behind_a_cancel_is_not_begun(home):
    begun = []

    async def begin():
        begun.append(True)

    home.cancel()
    with pytest.raises((CancelledError, asyncio.CancelledError)):
        home.run(begin())

    assert [] == begun
