"""The end of the interpreter, signals, and frozen time; each in an interpreter of its own, warnings being errors."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

BEGIN = """
import socket, sys
from pytest_epoll import EpollServer

server = EpollServer(edge_triggered=sys.argv[1] == "edge").start()
server.get("/x").respond(content=b"ok")
server.get("/slow").respond(content=b"ok", delay=60)
client = socket.create_connection(server.address, timeout=10)
client.sendall(b"GET /x HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n")
assert client.recv(100).endswith(b"ok")
client.sendall(b"GET /slow HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n")
server.wait_for_requests(2)
"""

ENDS = {
    "at the end of the script": "client.close()",
    "with sys.exit": "client.close(); sys.exit(0)",
    "from a function, the server being a local of it": """
client.close()
def main():
    global server
    mine, server = server, None
    sys.exit(len(mine.requests) - 2)
main()
""",
    "with os._exit": "import os; os._exit(0)",
    "while another thread waits": """
import threading
client.close()
threading.Thread(target=lambda: server.wait_for_requests(9, timeout=3600), daemon=True).start()
threading.Thread(target=lambda: [server.requests for _ in iter(int, 1)], daemon=True).start()
""",
    "with other servers beside it": "client.close(); more = [EpollServer().start() for _ in range(5)]",
}


@pytest.mark.parametrize("end", ENDS, ids=str)
def test_the_interpreter_exits_with_a_running_server_in_silence(run_script, trigger_mode, end):
    code, out, err = run_script(BEGIN + ENDS[end], trigger_mode)
    if end == "while another thread waits":
        err = ""  # what those threads say of their own end is theirs

    assert (0, "", "") == (code, out, err)


def test_an_exception_at_the_end_is_the_scripts_own_and_nothing_else(run_script, trigger_mode):
    code, _, err = run_script(BEGIN + "client.close(); raise LookupError('mine')", trigger_mode)

    assert (1, "LookupError: mine") == (code, err.splitlines()[-1])
    assert "pytest_epoll" not in err


SERVING = """
import sys
from pytest_epoll import EpollServer

server = EpollServer(edge_triggered=sys.argv[1] == "edge").start()
print(server.port, flush=True)
sys.stdin.readline()
"""


def test_clients_of_a_server_whose_interpreter_exits_see_a_fin(tmp_path, trigger_mode):
    script = tmp_path / "script.py"
    script.write_text(SERVING)
    command = [sys.executable, "-W", "error", str(script), trigger_mode]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        with RawClient(("127.0.0.1", int(process.stdout.readline()))) as client:
            client.send(GET[:5])
            out, err = process.communicate("end\n", timeout=60)

            assert (b"", "fin") == client.read_to_end()
    assert (0, "", "") == (process.returncode, out, err)


DROPPED = """
import gc, sys, warnings
from pytest_epoll import EpollServer

server = EpollServer().start()
del server
gc.collect()
print("alive")
"""


def test_a_dropped_server_warns_where_warnings_are_shown(run_script):
    code, out, err = run_script(DROPPED, options=("-W", "always"))

    assert (0, "alive\n") == (code, out)
    assert "ResourceWarning: unclosed <EpollServer http://127.0.0.1:" in err


def test_a_defect_that_nobody_has_asked_for_is_told_at_the_end(run_script):
    text = (
        BEGIN
        + """
server._barrier.engine.loop.post(lambda: 1 / 0)
server._barrier.engine._thread.join(10)
client.close()
"""
    )
    _, _, err = run_script(text, "level")

    assert "the server has ended by a defect of pytest-epoll: ZeroDivisionError" in err


# -- signals --

WAITING = (
    BEGIN
    + """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in a job that a shell runs in the background
client.close()
try:
    print("waiting", flush=True)
    server.wait_for_requests(9, timeout=3600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
server.stop()
print("stopped", len(server.requests), flush=True)
"""
)


def test_sigint_in_a_wait_is_a_keyboard_interrupt_and_the_server_can_still_be_stopped(tmp_path, trigger_mode):
    """The signal is repeated until it is answered: one that comes just before the wait does not end it (CPython)."""
    script = tmp_path / "script.py"
    script.write_text(WAITING)
    command = [sys.executable, "-W", "error", str(script), trigger_mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert "waiting\n" == process.stdout.readline()
        is_answered = threading.Event()

        def interrupt():
            os.kill(process.pid, signal.SIGINT)
            while not is_answered.wait(5):
                os.kill(process.pid, signal.SIGINT)

        interrupting = in_thread(interrupt)
        assert "interrupted\n" == process.stdout.readline()
        is_answered.set()
        interrupting.result(timeout=10)
        # Not communicate(): it would not see what readline() has read ahead.
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(timeout=60)
        watchdog.cancel()

    assert (0, "stopped 2\n", "") == (process.returncode, out, err)


READ_IN_A_SIGNAL_HANDLER = """
import signal

server.clear_records()
counts = []

def handle(*_):
    counts.append(len(server.requests))
    signal.setitimer(signal.ITIMER_REAL, 0.0005)

signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.0005)
with socket.create_connection(server.address, timeout=10) as other:
    for number in range(300):
        other.sendall(b"GET /x HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n")
        assert other.recv(100).endswith(b"ok")
        assert number + 1 == len(server.requests)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
assert counts and counts == sorted(counts)
client.close()
"""


def test_a_signal_handler_that_reads_the_record_disturbs_nobody(run_script, trigger_mode):
    """It may interrupt the main thread's own read anywhere, also while that holds a lock.

    In an interpreter of its own that is not measured for coverage: coverage has a lock that a handler can't pass.
    """
    assert (0, "", "") == run_script(BEGIN + READ_IN_A_SIGNAL_HANDLER, trigger_mode, measured=False)


# -- frozen time --


def test_frozen_time_does_not_stop_delays_waits_or_stop(make_server):
    freezegun = pytest.importorskip("freezegun")
    server = make_server()
    server.get("/x").respond(content=b"ok", delay=0.02)
    with freezegun.freeze_time("2020-01-01"):
        server.start()
        with RawClient(server.address) as client:
            client.send(GET)
            assert OK == client.recv_exactly(len(OK))
            with pytest.raises(TimeoutError):
                server.wait_for_requests(2, timeout=0.02)
        server.stop()
    request = server.requests[0]

    assert request.responded_at - request.received_at >= 0.02


def test_a_thread_that_dies_while_it_reads_leaves_nothing_behind(server):
    def read():
        with contextlib.suppress(KeyError):
            server._barrier.call(lambda: {}["missing"])

    in_thread(read).result(timeout=10)

    assert 0 == len(server.requests)
