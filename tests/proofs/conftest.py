"""Where the client of a proof lives, how often a proof is repeated, and the noise beside it."""

from __future__ import annotations

import importlib.util
import itertools
import pickle
import select
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_epoll import EpollServer

CLIENT_PROCESS = Path(__file__).with_name("client_process.py")

DEADLINE = 10.0
"""Seconds for one act of a client, also beside four busy processes on two cores; its answer may take twice as long."""

PLACES = ("same thread", "other thread", "other process", "same thread, busy", "other process, busy")


def load_client():
    spec = importlib.util.spec_from_file_location("client_process", CLIENT_PROCESS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Client


Client = load_client()


class SameThread:
    """Clients in the test's own thread."""

    def connect(self, address, **options):
        return Client(address, **{"timeout": DEADLINE, **options})


class Remote:
    """A client somewhere else: every method is carried out there, and returns when that has been done."""

    def __init__(self, ask, address):
        self._ask = ask
        self.address = address

    def __getattr__(self, name):
        return lambda *arguments, **keywords: self._ask(name, arguments, keywords)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class OtherThread:
    """Clients on one other thread, which outlives them."""

    def __init__(self):
        self._executor = ThreadPoolExecutor(1)

    def connect(self, address, **options):
        client = self._executor.submit(Client, address, **{"timeout": DEADLINE, **options}).result(2 * DEADLINE)

        def ask(name, arguments, keywords):
            return self._executor.submit(getattr(client, name), *arguments, **keywords).result(2 * DEADLINE)

        return Remote(ask, client.address)

    def close(self):
        self._executor.shutdown()


class OtherProcess:
    """Clients in one other process, which outlives them."""

    def __init__(self):
        self._numbers = itertools.count()
        self._start()

    def _start(self):
        self._process = subprocess.Popen(
            [sys.executable, str(CLIENT_PROCESS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def connect(self, address, **options):
        number = next(self._numbers)
        own = self._ask(number, "connect", (address,), {"timeout": DEADLINE, **options})
        return Remote(lambda name, arguments, keywords: self._ask(number, name, arguments, keywords), own)

    def _ask(self, *question):
        pickle.dump(question, self._process.stdin)
        self._process.stdin.flush()
        ready, _, _ = select.select((self._process.stdout,), (), (), 2 * DEADLINE)
        if not ready:  # what it may still answer must not be taken for the answer to the next question
            self._process.kill()
            self.close()
            self._start()
            raise AssertionError(f"the client's process did not answer {question[1]} within {2 * DEADLINE} s")
        is_error, value = pickle.load(self._process.stdout)
        if is_error:
            raise value
        return value

    def close(self):
        self._process.stdin.close()
        self._process.wait(DEADLINE)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def other_process():
    place = OtherProcess()
    yield place
    place.close()


@pytest.fixture
def other_thread():
    place = OtherThread()
    yield place
    place.close()


BURN = """
import os, sys
parent = os.getppid()
sys.stdout.write("x")
sys.stdout.flush()
while os.getppid() == parent:
    sum(range(100_000))
"""


@pytest.fixture
def four_busy_processes():
    """Four processes that do nothing but calculate; they end with the test, or with the process that started them."""
    processes = [subprocess.Popen([sys.executable, "-I", "-S", "-c", BURN], stdout=subprocess.PIPE) for _ in range(4)]
    try:
        for process in processes:
            assert b"x" == process.stdout.read(1)
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.fixture(params=PLACES)
def place(request):
    """Where the client lives: `place.connect(address)` returns a raw client there."""
    where, _, noise = request.param.partition(", ")
    if noise:
        request.getfixturevalue("four_busy_processes")
    if where == "same thread":
        return SameThread()
    return request.getfixturevalue(where.replace(" ", "_"))


@pytest.fixture
def near_place():
    """Clients in the test's own thread."""
    return SameThread()


@pytest.fixture
def server(trigger_mode):
    """A running server in each trigger mode."""
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        yield server


@pytest.fixture
def prove(prove_times):
    """A function that plays a scene so often and compares what it returns: (expected, actual)."""

    def play(scene, *, share=1):
        """Play it, or a share of the times if it takes long: a forked child, or megabytes."""
        __tracebackhide__ = True
        times = max(prove_times // share, 2)
        deviations = []
        for number in range(times):
            expected, actual = scene(number)
            if expected != actual:
                deviations.append((number, actual))

        assert [] == deviations[:5], f"{len(deviations)} of {times} deviate; expected {expected!r}"

    return play
