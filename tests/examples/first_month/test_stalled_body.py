"""A body that stalls: the read timeout has to fire, and the connection must not be used again."""

import httpx

from pytest_epoll import faults


def fetch_both(client):
    """Fetch the report, or do without it; then the prices."""
    try:
        report = client.get("/report", timeout=0.2).text
    except httpx.ReadTimeout:
        report = None
    return report, client.get("/prices").json()


def test_a_stalled_report_does_not_hold_up_the_prices(epoll_server):
    epoll_server.get("/report").respond(content=b"x" * 4096, fault=faults.Stall(after=faults.body(100)))
    epoll_server.get("/prices").respond(json={"tea": 3})

    with httpx.Client(base_url=epoll_server.url) as client:
        assert fetch_both(client) == (None, {"tea": 3})

    stalled, fresh = epoll_server.connections
    assert (stalled.closed_by, stalled.requests[0].response_body_bytes_sent) == ("client", 100)
    assert [str(request) for request in fresh.requests] == ["GET /prices"]
