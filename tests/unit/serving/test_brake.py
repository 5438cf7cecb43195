"""How long reading rests between two pieces."""

from types import SimpleNamespace

import pytest

from pytest_epoll._core.pace import Pace
from pytest_epoll._serving.brake import Brake


class FakeTransport:
    is_open = True

    def gauge_reads(self, room):
        self.room = room

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


def gauging(transport, pauses):
    loop = SimpleNamespace(
        call_later=lambda delay_ns, _callback: pauses.append(delay_ns), call_soon=lambda _callback: None
    )
    reader = SimpleNamespace(state=4, head_so_far=b"")  # whatever comes may be taken
    brake = Brake(loop, transport, SimpleNamespace(is_open=True, current=None, reader=reader), lambda: None)
    brake.begin_gauging()
    return brake


@pytest.mark.parametrize(("there", "taken", "pause_ns"), [(500, 100, 50), (100, 100, 50), (40, 40, 20), (1, 1, 0)])
def test_a_part_of_a_piece_costs_a_part_of_its_pause(there, taken, pause_ns):
    pauses = []
    transport = FakeTransport()
    brake = gauging(transport, pauses)
    brake.set_pace(Pace(100, 50))
    size = transport.room(b"x" * there)
    brake.rest()

    assert (taken, [pause_ns]) == (size, pauses)


def test_what_was_taken_before_the_pace_was_set_costs_no_pause():
    pauses = []
    transport = FakeTransport()
    brake = gauging(transport, pauses)
    transport.room(b"x" * 60)
    brake.set_pace(Pace(100, 50))
    brake.rest()

    assert [0] == pauses
