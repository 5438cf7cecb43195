"""What the kernel knows about a connection, asked of real sockets."""

import socket
import subprocess
import sys

import pytest

from ipv6 import needs_ipv6
from pytest_epoll._eventloop import probes
from pytest_epoll._eventloop.probes import PeerProbe

HOSTS = ["127.0.0.1", "127.0.0.2", pytest.param("::1", marks=needs_ipv6)]


@pytest.fixture
def probe():
    probe = PeerProbe()
    yield probe
    probe.close()


def look(probe, sock):
    question = probe.question(sock)
    assert question is not None
    return probe.look(sock, question)


def seen(received, unread, **facts):
    return probes.PeerView(received, unread, is_gone=False, **facts)


@pytest.mark.parametrize("host", HOSTS)
def test_received_and_unread_bytes_of_the_client_are_counted(probe, make_pair, host):
    client, sock = make_pair(host)
    assert seen(0, 0) == look(probe, sock)
    sock.send(b"hello")
    assert seen(5, 5) == look(probe, sock)
    client.recv(2)
    assert seen(5, 3) == look(probe, sock)
    client.recv(3)
    sock.send(b"world!")

    assert seen(11, 6) == look(probe, sock)


@pytest.mark.parametrize("host", HOSTS)
def test_a_fin_counts_as_one_more_and_as_unread_until_the_last_byte_before_it_is_read(probe, make_pair, host):
    client, sock = make_pair(host)
    sock.send(b"hello")
    sock.shutdown(socket.SHUT_WR)
    view = look(probe, sock)
    assert (6, False) == (view.received, view.is_gone)
    assert view.unread >= 5
    client.recv(5)

    assert seen(6, 0) == look(probe, sock)


def test_a_client_that_has_closed_after_reading_everything_may_linger_or_be_gone(probe, pair):
    client, sock = pair
    client.close()
    view = look(probe, sock)

    assert (0, 0) == (view.received, view.unread) or view.is_gone


def test_a_client_that_has_closed_and_left_a_stub_behind_is_gone(probe, pair):
    """The kernel finds the stub, but has no tcp_info of it: that is no reason to say that we are blind."""
    client, sock = pair
    client.shutdown(socket.SHUT_WR)
    sock.send(b"x")  # brings the acknowledgement of the FIN with it
    client.recv(1)
    client.close()

    assert True is look(probe, sock).is_gone


def test_a_client_that_has_reset_is_gone(probe, pair):
    client, sock = pair
    sock.send(b"x")
    question = probe.question(sock)
    client.close()  # unread: RST

    assert True is probe.look(sock, question).is_gone


def test_there_is_no_question_about_a_connection_that_is_no_more(probe, pair):
    client, sock = pair
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()

    assert None is probe.question(sock)


CLIENT = """
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)
client.recv(3)
print("read", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_client_in_another_process_is_seen(probe, host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        listener.listen()
        listener.settimeout(20)
        command = [sys.executable, "-c", CLIENT, host, str(listener.getsockname()[1])]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            sock, _ = listener.accept()
            sock.send(b"hello")
            assert b"read\n" == process.stdout.readline()

            assert seen(5, 2) == look(probe, sock)
            process.communicate(b"\n", timeout=20)
        sock.close()


def test_an_answer_to_an_earlier_question_is_not_taken_for_this_ones(probe, make_pair):
    (client, sock), (_, other) = make_pair(), make_pair()
    sock.send(b"hello")
    look(probe, other)
    question = probe.question(sock)
    size = probes._NLMSGHDR.size + len(question)
    header = probes._NLMSGHDR.pack(size, 20, 1, 4_000_000_000, 0)
    probe._socket.send(header + question)  # its answer waits in the queue
    client.recv(5)

    assert seen(5, 0) == look(probe, sock)


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (lambda monkeypatch: monkeypatch.delattr(socket, "AF_NETLINK"), "this platform has no sock_diag"),
        (lambda monkeypatch: monkeypatch.setattr(probes, "_NETLINK_SOCK_DIAG", 99), "sock_diag: "),
        (lambda monkeypatch: monkeypatch.setattr(probes, "_SOCK_DIAG_BY_FAMILY", 77), "sock_diag: EINVAL"),
        (lambda monkeypatch: monkeypatch.setattr(probes, "_INET_DIAG_INFO", 3), "sock_diag gave no tcp_info"),
    ],
    ids=["no netlink", "no such protocol", "refused", "no info"],
)
def test_what_cannot_be_seen_is_said_and_is_no_answer(probe, pair, monkeypatch, patch, why):
    patch(monkeypatch)

    assert None is look(probe, pair[1])
    assert probe.why_blind().startswith(why)


def test_a_client_that_must_exist_and_is_not_found_lives_elsewhere(probe, pair):
    _, sock = pair
    question = bytearray(probe.question(sock))
    question[8:10] = b"\0\1"  # nobody has that port

    assert None is probe.look(sock, bytes(question))
    assert "another network namespace" in probe.why_blind()


def test_a_probe_that_never_looked_has_no_descriptor_and_a_closed_one_can_look_again(probe, pair):
    assert None is probe._socket
    look(probe, pair[1])
    probe.close()
    probe.close()

    assert seen(0, 0) == look(probe, pair[1])


def test_a_default_timeout_of_the_process_does_not_matter(probe, pair):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(5)
    try:
        assert seen(0, 0) == look(probe, pair[1])
    finally:
        socket.setdefaulttimeout(before)


def test_unread_and_unsent_bytes_of_our_own_end(make_pair):
    client, sock = make_pair(receive_buffer=4096)
    client.send(b"hello")
    assert (5, 0) == (probes.unread_bytes(sock.fileno()), probes.unsent_bytes(sock.fileno()))
    try:
        while True:
            sock.send(bytes(65536))
    except BlockingIOError:
        pass

    assert probes.unsent_bytes(sock.fileno()) > 0


def test_the_length_of_the_accept_queue():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        clients = [socket.create_connection(listener.getsockname(), timeout=10) for _ in range(3)]

        assert 3 == probes.waiting_connections(listener)
        for client in clients:
            client.close()


# -- RST --


@pytest.mark.parametrize("host", HOSTS)
def test_a_reset_leaves_at_once_although_somebody_else_holds_the_descriptor(make_pair, host):
    client, sock = make_pair(host)
    held = sock.dup()
    sock.send(b"sent before")

    assert True is probes.send_reset(sock)
    assert b"sent before" == client.recv(100)
    with pytest.raises(ConnectionResetError):
        client.recv(100)
    held.close()


def test_there_is_no_reset_where_the_client_was_first(pair):
    client, sock = pair
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()

    assert False is probes.send_reset(sock)


@pytest.mark.parametrize("connect", [None, lambda *_: -1], ids=["no libc", "it fails"])
def test_without_libc_the_reset_leaves_with_the_close(pair, monkeypatch, connect):
    monkeypatch.setattr(probes, "_libc_connect", lambda: connect)
    client, sock = pair

    assert True is probes.send_reset(sock)
    sock.close()
    with pytest.raises(ConnectionResetError):
        client.recv(100)
