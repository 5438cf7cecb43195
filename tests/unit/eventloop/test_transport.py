"""One connection's socket under every poller: reading, writing, parting, and no spin."""

import socket

import pytest

from pytest_epoll._core import limits
from pytest_epoll._eventloop import probes


def sees_hangup(scene):
    return scene.poller.sees_hangup


# -- reading --


@pytest.mark.parametrize("size", [1, 100, limits.READ_SIZE, limits.READ_SIZE + 1, 40 * limits.READ_SIZE])
def test_what_the_client_sends_is_read_to_the_last_byte(scene, size):
    data = bytes(range(256)) * (size // 256 + 1)
    scene.client.sendall(data[:size])
    scene.settle()

    assert (data[:size], size) == (scene.owner.data, scene.record.bytes_received)


def test_byte_by_byte_too(scene):
    for byte in b"hello":
        scene.client.sendall(bytes((byte,)))
        scene.settle()

    assert b"hello" == scene.owner.data


def test_data_and_fin_that_come_together_are_both_seen(scene):
    scene.client.sendall(b"hello")
    scene.client.shutdown(socket.SHUT_WR)
    scene.settle()

    assert (b"hello", ["eof"], ("client", "fin")) == (scene.owner.data, scene.owner.told, scene.goodbye())
    assert ["fin-received"] == scene.kinds()


def test_a_fin_behind_a_multiple_of_the_read_size_is_seen(scene):
    scene.client.sendall(bytes(2 * limits.READ_SIZE))
    scene.client.close()
    scene.settle()

    assert (2 * limits.READ_SIZE, ["eof"]) == (len(scene.owner.data), scene.owner.told)


def test_a_reset_is_seen_and_the_descriptor_released(scene):
    scene.reset_client()
    scene.settle()

    assert (["lost", "released"], ("client", "rst")) == (scene.owner.told, scene.goodbye())
    assert ["rst-received", "ended"] == scene.kinds()
    assert -1 == scene.transport.sock.fileno()


def test_what_the_client_sent_before_its_reset_is_read_first(scene):
    scene.client.sendall(b"hello")
    scene.reset_client()
    scene.settle()

    assert (b"hello", ["lost", "released"]) == (scene.owner.data, scene.owner.told[-2:])


def test_a_reset_behind_a_fin_is_seen_where_the_poller_shows_it(scene):
    """The client half-closes, leaves our bytes unread and closes."""
    scene.client.shutdown(socket.SHUT_WR)
    scene.settle()
    scene.transport.send_some(b"unread")
    scene.client.close()
    scene.settle()

    assert ("client", "fin") == scene.goodbye()
    assert ["eof", *(["lost", "released"] if sees_hangup(scene) else [])] == scene.owner.told
    if sees_hangup(scene):
        assert (timeline_detail(scene, "rst-received")) is None


def timeline_detail(scene, kind):
    return next(fact[5] for fact in scene.facts if fact[3] == kind)


def test_a_paused_reader_leaves_the_bytes_to_the_kernel_and_reads_them_when_it_resumes(scene):
    scene.transport.pause_reading()
    scene.client.sendall(b"hello")
    scene.settle()
    assert b"" == scene.owner.data
    scene.transport.resume_reading()
    scene.settle()

    assert b"hello" == scene.owner.data


def test_pausing_from_inside_a_read_stops_at_once(scene):
    scene.transport.read_size = 10
    scene.owner.on_data = scene.transport.pause_reading
    scene.client.sendall(bytes(100))
    scene.settle()
    assert 10 == len(scene.owner.data)
    scene.owner.on_data = None
    scene.transport.resume_reading()
    scene.settle()

    assert 100 == len(scene.owner.data)


def test_a_fin_on_a_paused_reader_is_seen_without_taking_a_byte_or_said_to_be_unobserved(scene):
    scene.transport.pause_reading()
    scene.client.sendall(b"hello")
    scene.client.shutdown(socket.SHUT_WR)
    scene.settle()
    assert b"" == scene.owner.data
    if sees_hangup(scene):
        assert (("client", "fin"), ["fin-received"]) == (scene.goodbye(), scene.kinds())
    else:
        assert ((None, None), ["unobserved"]) == (scene.goodbye(), scene.kinds())
    scene.transport.resume_reading()
    scene.settle()

    assert (b"hello", ["eof"], 1) == (scene.owner.data, scene.owner.told, scene.kinds().count("fin-received"))


def test_a_reset_on_a_paused_reader_ends_the_connection_where_the_poller_shows_it(scene):
    scene.transport.pause_reading()
    scene.client.sendall(b"hello")
    scene.reset_client()
    scene.settle()

    assert (("client", "rst") if sees_hangup(scene) else (None, None)) == scene.goodbye()
    scene.transport.resume_reading()
    scene.settle()
    assert ("client", "rst") == scene.goodbye()


def test_both_sides_parted_while_paused_and_resumed_afterwards(scene):
    """A HUP takes the descriptor out of the poller; resuming must put it back."""
    scene.transport.pause_reading()
    scene.client.sendall(b"hello")
    scene.client.shutdown(socket.SHUT_WR)
    scene.transport.shut_down(goodbye=True)
    scene.settle()
    scene.transport.resume_reading()
    scene.settle()

    assert (b"hello", ["eof"]) == (scene.owner.data, scene.owner.told)


# -- looking without reading --


def test_peeking_shows_the_first_byte_and_leaves_all_of_it_unread(scene):
    scene.client.sendall(b"hello")

    assert (b"h", b"", 5) == (
        scene.transport.peek(scene.peeked.append),
        scene.owner.data,
        probes.unread_bytes(scene.transport.fd),
    )
    scene.transport.resume_reading()
    scene.settle()
    assert (b"hello", []) == (scene.owner.data, scene.peeked)


def test_peeking_at_nothing_waits_for_the_first_byte_and_tells_once(scene):
    assert scene.transport.peek(scene.peeked.append) is None
    for byte in (b"a", b"b"):
        scene.client.sendall(byte)
        scene.settle()

    assert ([b"a"], b"", 2) == (scene.peeked, scene.owner.data, probes.unread_bytes(scene.transport.fd))


@pytest.mark.parametrize("is_late", [False, True])
def test_peeking_sees_a_fin_and_it_is_read_later(scene, is_late):
    if not is_late:
        scene.client.shutdown(socket.SHUT_WR)
    seen = scene.transport.peek(scene.peeked.append)
    if is_late:
        scene.client.shutdown(socket.SHUT_WR)
        scene.settle()

    assert (b"", ["fin-received"], []) == (scene.peeked[0] if is_late else seen, scene.kinds(), scene.owner.told)
    scene.transport.resume_reading()
    scene.settle()
    assert (["eof"], ["fin-received"]) == (scene.owner.told, scene.kinds())


def test_peeking_at_a_byte_with_a_fin_behind_it_shows_the_byte_and_notes_the_fin(scene):
    scene.transport.peek(scene.peeked.append)
    scene.client.sendall(b"hello")
    scene.client.shutdown(socket.SHUT_WR)
    scene.settle()

    assert ([b"h"], b"") == (scene.peeked, scene.owner.data)
    assert ("client" if sees_hangup(scene) else None) == scene.record.closed_by
    scene.transport.resume_reading()
    scene.settle()
    assert (b"hello", ["eof"]) == (scene.owner.data, scene.owner.told)


@pytest.mark.parametrize("is_late", [False, True])
def test_peeking_at_a_reset_tells_only_the_owner(scene, is_late):
    if not is_late:
        scene.reset_client()
    assert scene.transport.peek(scene.peeked.append) is None
    if is_late:
        scene.reset_client()
        scene.settle()

    assert ([], ["lost", "released"]) == (scene.peeked, scene.owner.told)


@pytest.mark.parametrize("sent", [b"", b"x"])
@pytest.mark.parametrize("part", [False, True])
def test_peeking_wakes_nobody_in_silence(scene, sent, part):
    scene.transport.peek(scene.peeked.append)
    if sent:
        scene.client.sendall(sent)
    if part:
        scene.client.shutdown(socket.SHUT_WR)

    assert scene.wake_ups_in_silence() <= 3
    assert [sent] * bool(sent or part) == scene.peeked


def test_whoever_is_told_may_read_at_once(scene):
    """Edge-triggered the edge has been used up: resuming must ask for another one."""
    scene.transport.peek(lambda _: scene.transport.resume_reading())
    scene.client.sendall(b"hello")
    scene.settle()
    scene.client.sendall(b" world")
    scene.settle()

    assert b"hello world" == scene.owner.data


def test_whoever_is_told_may_end_the_connection(scene):
    scene.transport.peek(lambda _: scene.transport.reset())
    scene.client.sendall(b"hello")
    scene.settle()

    assert ["rst-sent", "ended"] == scene.kinds()
    with pytest.raises(ConnectionResetError):
        scene.client.recv(1)


def test_whoever_is_told_may_peek_again(scene):
    def again(data):
        scene.peeked.extend((data, scene.transport.peek(scene.peeked.append)))

    scene.transport.peek(again)
    scene.client.sendall(b"x")
    scene.settle()

    assert [b"x", b"x"] == scene.peeked


def test_pausing_for_good_ends_the_looking(scene):
    scene.transport.peek(scene.peeked.append)
    scene.transport.pause_reading()
    scene.client.sendall(b"x")
    scene.settle()

    assert [] == scene.peeked
    assert ([] if sees_hangup(scene) else ["unobserved"]) == scene.kinds()


# -- writing --


def test_a_short_send_keeps_the_remainder_and_sends_it_when_the_client_reads(scene, sink):
    data = bytes(range(256)) * (8 * 2**20 // 256)
    assert not scene.transport.send([(memoryview(data), sink)])
    assert scene.transport.has_unsent
    received = bytearray()
    while len(received) < len(data):
        received += scene.client.recv(2**20)
        scene.settle()

    assert data == bytes(received)
    assert (len(data), len(data), False) == (sink.size, scene.record.bytes_sent, scene.transport.has_unsent)
    assert (["all sent"], ["send-blocked", "send-resumed"]) == (scene.owner.told, scene.kinds())


def test_what_is_sent_behind_a_remainder_follows_it(scene, sink, make_sink):
    data = bytes(16 * 2**20)
    scene.transport.send([(memoryview(data), sink)])
    behind = make_sink()
    assert not scene.transport.send([(memoryview(b"behind"), behind)])
    received = bytearray()
    while len(received) < len(data) + 6:
        received += scene.client.recv(2**20)
        scene.settle()

    assert (b"behind", 6) == (bytes(received[-6:]), behind.size)


def test_many_pieces_leave_in_few_calls_and_each_sink_counts_its_own(scene, make_sink):
    one, other = make_sink(), make_sink()
    pieces = [(memoryview(b"%05d" % number), one if number < 700 else other) for number in range(1500)]
    assert scene.transport.send(pieces)
    received = bytearray()
    while len(received) < 7500:
        received += scene.client.recv(65536)

    assert b"".join(b"%05d" % number for number in range(1500)) == bytes(received)
    assert (3500, 4000) == (one.size, other.size)
    assert len(one.calls) + len(other.calls) <= 5


def test_while_a_send_waits_for_writability_the_client_is_still_read(scene):
    """Else an early large reply and a large upload wait for each other for ever."""
    scene.fill()
    scene.client.sendall(b"hello")
    scene.settle()

    assert (b"hello", True) == (scene.owner.data, scene.transport.has_unsent)


def test_a_spurious_event_changes_nothing(scene):
    for mask in (0x001, 0x004, 0x005):
        scene.transport.on_ready(mask)

    assert (b"", [], []) == (scene.owner.data, scene.owner.told, scene.facts)


def test_sending_to_a_client_that_has_reset_ends_as_its_reset(scene, sink):
    """The send is the first to learn of it; what the client had sent before is still read."""
    scene.client.sendall(b"hello")
    scene.reset_client()
    scene.transport.send([(memoryview(b"x" * 100), sink)])
    scene.transport.send([(memoryview(b"y" * 100), sink)])
    scene.settle()

    assert (b"hello", ("client", "rst"), 0) == (scene.owner.data, scene.goodbye(), sink.size)
    assert ["send-failed", "rst-received", "ended"] == scene.kinds()


def test_sending_to_a_client_that_has_reset_behind_its_fin_ends_the_connection(scene, sink):
    """Its FIN was read, so nobody reads any more: the end must be found without reading."""
    scene.client.shutdown(socket.SHUT_WR)
    scene.settle()
    scene.transport.send_some(b"unread")
    scene.client.close()
    scene.transport.send([(memoryview(b"x" * 100), sink)])
    scene.settle()

    assert ("lost", "released") == tuple(scene.owner.told[-2:])
    assert False is scene.transport.is_open


def test_a_paused_reader_whose_send_fails_ends_the_connection(scene, sink):
    scene.transport.pause_reading()
    scene.reset_client()
    scene.transport.send([(memoryview(b"x" * 100), sink)])
    scene.settle()

    assert (("client", "rst"), False) == (scene.goodbye(), scene.transport.is_open)


# -- parting --


def read_to_end(client):
    pieces = []
    try:
        while piece := client.recv(2**20):
            pieces.append(piece)
    except ConnectionResetError:
        return b"".join(pieces), "rst"
    return b"".join(pieces), "fin"


def test_a_shutdown_sends_fin_and_goes_on_reading(scene):
    scene.transport.shut_down(goodbye=True)
    scene.client.sendall(b"hello")
    scene.settle()

    assert ((b"", "fin"), b"hello", ("server", "fin")) == (
        read_to_end(scene.client),
        scene.owner.data,
        scene.goodbye(),
    )


def test_a_half_close_is_no_goodbye(scene):
    scene.transport.shut_down(goodbye=False)

    assert ((None, None), ["fin-sent"], "half-close") == (scene.goodbye(), scene.kinds(), scene.facts[0][5])


def test_a_reset_comes_at_once_whatever_is_unread(scene):
    scene.client.sendall(b"unread")
    scene.transport.send_some(b"sent before")
    scene.transport.reset()

    assert ((b"sent before", "rst"), ("server", "rst")) == (read_to_end(scene.client), scene.goodbye())
    assert ["rst-sent", "ended"] == scene.kinds()


def test_a_reset_behind_the_clients_own_is_recorded_as_the_clients(scene):
    scene.reset_client()
    scene.transport.reset()

    assert (("client", "rst"), ["rst-received", "ended"]) == (scene.goodbye(), scene.kinds())


def test_a_reset_behind_a_failed_send_is_recorded_as_the_clients(scene):
    scene.reset_client()
    scene.transport.send_some(b"x")
    scene.transport.reset()

    assert ("client", "rst") == scene.goodbye()


def test_abandoning_reads_what_is_there_and_says_fin(scene):
    scene.client.sendall(bytes(100_000))
    scene.transport.abandon()

    assert (("server", "fin"), 100_000) == (scene.goodbye(), scene.record.bytes_received)
    assert (b"", "fin") == read_to_end(scene.client)


def test_abandoning_a_client_that_has_reset_is_recorded_as_the_clients(scene):
    scene.client.sendall(b"hello")
    scene.reset_client()
    scene.transport.abandon()

    assert (False, ("client", "rst")) == (scene.transport.is_open, scene.goodbye())


def test_abandoning_while_bytes_keep_coming_says_rst(scene, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.transport.probes.unread_bytes", lambda _fd: 5)
    scene.client.sendall(b"hello")
    scene.transport.abandon()

    assert (("server", "rst"), "bytes were unread") == (scene.goodbye(), timeline_detail(scene, "rst-sent"))
    assert (b"", "rst") == read_to_end(scene.client)


@pytest.mark.parametrize(("sent", "how"), [(b"", "fin"), (b"hello", "rst")])
def test_closing_reads_nothing_and_what_is_unread_decides(scene, sent, how):
    scene.client.sendall(sent)
    scene.transport.close()

    assert (("server", how), 0) == (scene.goodbye(), scene.record.bytes_received)
    assert (b"", how) == read_to_end(scene.client)


@pytest.mark.parametrize("sent", [b"", b"hello"])
def test_closing_on_a_client_that_has_reset_is_recorded_as_the_clients(scene, sent):
    scene.client.sendall(sent)
    scene.reset_client()
    scene.transport.close()

    assert (False, ("client", "rst")) == (scene.transport.is_open, scene.goodbye())


def test_refusing_a_connection_says_why_and_resets(scene):
    scene.transport.refuse("no room")

    assert (b"", "rst") == read_to_end(scene.client)
    assert (["refused", "rst-sent", "ended"], "no room") == (scene.kinds(), scene.facts[0][5])


def test_whatever_is_done_after_the_release_is_harmless(scene):
    scene.transport.release()
    scene.transport.release()
    scene.transport.reset()
    scene.transport.abandon()
    scene.transport.close()
    scene.transport.shut_down(goodbye=True)
    scene.transport.pause_reading()
    scene.transport.resume_reading()
    scene.settle()

    assert (["ended"], ["released"]) == (scene.kinds(), scene.owner.told)


# -- no spin: a level-triggered loop is told again and again of what it does not do away with --


@pytest.fixture(params=["fin", "rst", "bytes and fin", "full buffer", "half-closed", "both parted", "idle"])
def quiet_scene(request, scene):
    kind = request.param
    if kind == "fin":
        scene.transport.pause_reading()
        scene.client.shutdown(socket.SHUT_WR)
    elif kind == "rst":
        scene.transport.pause_reading()
        scene.client.sendall(b"unread")
        scene.reset_client()
    elif kind == "bytes and fin":
        scene.transport.pause_reading()
        scene.client.sendall(b"unread")
        scene.client.close()
    elif kind == "full buffer":
        scene.fill()
    elif kind == "half-closed":
        scene.client.shutdown(socket.SHUT_WR)
        scene.settle()
        scene.fill()
    elif kind == "both parted":
        scene.transport.pause_reading()
        scene.client.shutdown(socket.SHUT_WR)
        scene.transport.shut_down(goodbye=True)
    return scene


def test_the_loop_sleeps_when_there_is_nothing_to_do(quiet_scene):
    assert 1 == quiet_scene.wake_ups_in_silence()


@pytest.mark.parametrize("paused", [False, True])
def test_an_error_queue_is_emptied_and_does_not_end_the_connection(scene, paused):
    """TX timestamps raise EPOLLERR with SO_ERROR == 0, which can't be masked (socket(7), SO_TIMESTAMPING)."""
    so_timestamping, tx_ack, software, opt_id, opt_tsonly = 37, 1 << 9, 1 << 4, 1 << 7, 1 << 11
    try:
        scene.transport.sock.setsockopt(socket.SOL_SOCKET, so_timestamping, tx_ack | software | opt_id | opt_tsonly)
    except OSError:
        pytest.skip("this kernel gives no TX timestamps")
    if paused:
        scene.transport.pause_reading()
    scene.transport.send_some(b"x")
    scene.client.recv(1)
    scene.client.sendall(b"ack")  # carries the acknowledgement

    assert 1 == scene.wake_ups_in_silence()
    assert (True, b"" if paused else b"ack") == (scene.transport.is_open, scene.owner.data)
