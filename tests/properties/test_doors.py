"""Whatever is asked of a listener, by calls and by blocks that overlap: what is in force is what the rules say."""

from __future__ import annotations

import socket
from contextlib import closing

from hypothesis import given, settings
from hypothesis import strategies as st

from listening import Desk
from pytest_epoll._eventloop.door import ACCEPT, PAUSE, REFUSE, STALL, Door, Wish

MODES = (ACCEPT, PAUSE, STALL, REFUSE)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(MODES)),
        st.tuples(st.just("enter"), st.sampled_from((PAUSE, STALL, REFUSE))),
        st.tuples(st.just("leave"), st.integers(0, 5)),
        st.tuples(st.just("connect"), st.none()),
    ),
    max_size=12,
)


class Model:
    """The rules: of the blocks that are entered the last one counts; a plain call ends them all."""

    def __init__(self):
        self.asked = ACCEPT
        self.wishes = []

    @property
    def mode(self):
        return self.wishes[-1].mode if self.wishes else self.asked

    def ask(self, mode):
        self.asked = mode
        self.wishes.clear()

    def leave(self, wish):
        if wish in self.wishes:
            self.wishes.remove(wish)


def connect(desk):
    """Return what becomes of a connect."""
    try:
        desk.clients.append(socket.create_connection(desk.sock.getsockname(), timeout=0.01))
    except ConnectionRefusedError:
        return REFUSE
    except TimeoutError:
        return STALL
    return None


@settings(max_examples=60)
@given(steps=STEPS, is_edge_triggered=st.booleans())
def test_what_is_in_force_is_what_the_rules_say_and_nobody_is_lost(steps, is_edge_triggered):
    with closing(Desk("epoll", edge_triggered=is_edge_triggered)) as desk:
        door, model, entered = Door(desk.listener, 128), Model(), []
        for step, value in (*steps, ("connect", None)):
            if step == "ask":
                door.ask(value)
                model.ask(value)
            elif step == "enter":
                entered.append(Wish(value))
                door.enter(entered[-1])
                model.wishes.append(entered[-1])
            elif step == "leave" and entered:
                wish = entered.pop(value % len(entered))
                door.leave(wish)
                model.leave(wish)
            elif step == "connect":
                desk.loop._settle()  # who was in the queue while accepts were paused
                accepted = len(desk.accepted)
                outcome = connect(desk)
                desk.loop._settle()
                expected = {REFUSE: REFUSE, STALL: STALL}.get(model.mode)
                assert expected == outcome
                assert (model.mode == ACCEPT) == (len(desk.accepted) > accepted)
            assert model.mode == door.mode
        door.ask(ACCEPT)
        desk.loop._settle()

        assert len(desk.clients) == len(desk.accepted)
