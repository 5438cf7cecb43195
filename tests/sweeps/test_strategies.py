"""What Hypothesis draws is legal, acts, prints as code, and shrinks to the smallest plan that fails."""

import inspect
import subprocess
import sys

import h11
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from pytest_epoll import EpollServer, Response, faults
from pytest_epoll.faults._beforehand import sent_bytes
from pytest_epoll.sweeps import strategies
from sweeping import read_all, read_pieces

NAMES = {"Response": Response, "faults": faults}


@given(st.one_of(strategies.responses(), strategies.cuts(), strategies.splits()))
def test_a_response_prints_as_code(response):
    assert response == eval(repr(response), NAMES)


@given(st.one_of(strategies.faults(), strategies.lies(), strategies.segmentations(Response())))
def test_a_fault_prints_as_code(fault):
    assert fault == eval(repr(fault), NAMES)


@given(strategies.positions())
def test_a_position_prints_as_code(position):
    assert position == eval(repr(position), NAMES)


@given(strategies.responses())
def test_a_response_is_what_h11_reads(response):
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="GET", target="/", headers=[("Host", "t")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(sent_bytes(response))
    parser.receive_data(b"")
    body, event = b"", parser.next_event()

    assert response.status == event.status_code
    while not isinstance(event := parser.next_event(), h11.EndOfMessage):
        body += event.data
    assert (response.body if response.score is None else b"".join(response.score.items)) == body


@given(st.data())
def test_a_fault_of_a_response_fires_in_it(data):
    response = data.draw(strategies.responses())
    fault = data.draw(strategies.faults(response))

    assert not [line for line in fault.explain(response) if "does not fire" in line]


@given(st.data())
def test_a_lie_about_a_response_changes_it(data):
    response = data.draw(strategies.responses())
    lie = data.draw(strategies.lies(response))

    lie.check(response)
    assert sent_bytes(response) != sent_bytes(response.with_faults(lie))


def test_every_fault_is_drawn_or_has_a_reason():
    every = {name for name in faults.__all__ if inspect.isclass(getattr(faults, name)) and name != "Fault"}
    drawn = set()

    @settings(max_examples=500, database=None)
    @given(strategies.faults() | strategies.lies())
    def note(fault):
        drawn.add(type(fault).__name__)

    note()

    assert every - strategies.NOT_DRAWN.keys() == drawn


@settings(max_examples=40)
@given(strategies.cuts(how=("fin", "rst")))
def test_a_cut_delivers_a_proper_prefix(cut):
    with EpollServer() as server:
        server.route().respond_with(cut)
        data, _ = read_all(server.url)
        whole = Response(cut.status, **cut._arguments)
        server.clear()
        server.route().respond_with(whole)
        image, _ = read_all(server.url)

    assert image.startswith(data)
    assert len(data) < len(image)


@settings(max_examples=40)
@given(strategies.responses(), st.data())
def test_a_segmentation_is_what_recv_returns(response, data):
    response = Response(raw=sent_bytes(response))
    pieces = data.draw(strategies.segmentations(response))
    ends = [*pieces.cuts, len(response.raw)]
    with EpollServer() as server:
        server.route().respond_with(response.with_faults(faults.HangUp("end"), pieces))
        read = read_pieces(server.url)

    assert [response.raw[start:end] for start, end in zip([0, *ends], ends, strict=False)] == read


def smallest(strategy, condition=lambda _: True):
    return repr(
        find(
            strategy,
            condition,
            settings=settings(database=None, max_examples=300, phases=[Phase.generate, Phase.shrink]),
        )
    )


def test_they_shrink_to_the_plainest_values():
    assert "Response(200)" == smallest(strategies.responses())
    assert "Response(200, stream=[])" == smallest(strategies.responses("chunked"))
    assert "Response(200).with_faults(faults.HangUp())" == smallest(strategies.cuts())
    assert "Response(200).with_faults(faults.PartialWrites(cuts=(1,), until_read=True))" == smallest(
        strategies.splits()
    )
    assert "faults.HangUp()" == smallest(strategies.faults())


def test_they_shrink_to_the_fewest_pieces():
    def has_a_late_cut_among_others(fault):
        return max(fault.cuts) > 15 and len(fault.cuts) > 1

    found = smallest(strategies.segmentations(Response(content=b"x" * 30)), has_a_late_cut_among_others)

    assert "faults.PartialWrites(cuts=(1, 16), until_read=True)" == found


WRONG_CLIENTS = '''
from hypothesis import Phase, given, settings
from pytest_epoll.sweeps import strategies
from sweeping import read_all, read_pieces

quickly = settings(database=None, derandomize=True, phases=[Phase.generate, Phase.shrink], max_examples=50)

@quickly
@given(cut=strategies.cuts(how="rst"))
def test_cuts(cut):
    """A client that is content with a head."""
    with EpollServer() as server:
        server.get("/").respond_with(cut)
        with pytest.raises(ValueError):
            if b"\\r\\n\\r\\n" not in read_all(server.url)[0]:
                raise ValueError

@quickly
@given(response=strategies.splits())
def test_splits(response):
    """A client that takes the first read for the head."""
    with EpollServer() as server:
        server.get("/").respond_with(response)
        assert b"\\r\\n\\r\\n" in read_pieces(server.url)[0]

@quickly
@given(fault=strategies.faults())
def test_faults(fault):
    assert "SlowWrites" not in repr(fault)
'''


@pytest.mark.slow
def test_the_smallest_failing_plan_is_printed_as_code(run):
    result = run(WRONG_CLIENTS, "-phypothesispytest")
    lines = [line.removeprefix("E").strip() for line in result.stdout.lines]
    cuts = [line for line in lines if line.startswith("cut=")]

    result.assert_outcomes(failed=3)
    assert 2 == sum("epoll wire timeline" in line for line in lines)  # of the last examples, not of all
    assert cuts in [
        [f"cut=Response(200, {body}).with_faults(faults.Reset(after=faults.body(0))),"]
        for body in (r"content=b'\x00'", "stream=[]")  # both are the smallest, from where one happens to begin
    ]
    assert "response=Response(200).with_faults(faults.PartialWrites(cuts=(1,), until_read=True))," in lines
    assert "fault=faults.SlowWrites(bytes_per_second=1000000.0, size=1)," in lines


def test_without_hypothesis_it_is_said_what_to_install():
    script = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from pytest_epoll import sweeps\n"
        "try: sweeps.strategies\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert ("pytest_epoll.sweeps.strategies needs Hypothesis: pip install hypothesis\n", "") == (
        done.stdout,
        done.stderr,
    )


def test_a_sweep_without_strategies_does_not_load_hypothesis():
    script = "import sys; from pytest_epoll import sweeps; print('hypothesis' in sys.modules, 'pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert ("False False\n", "") == (done.stdout, done.stderr)
