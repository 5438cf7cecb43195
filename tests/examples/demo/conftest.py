"""What `make demo` shows: beside what a client reports, what was on the wire."""

import textwrap

import pytest


@pytest.fixture
def show(epoll_server):
    """A function that prints what the client said and the wire timeline of the test's server."""

    def show(title, report):
        print(f"\n{title}\n  the client says: {textwrap.shorten(str(report), 100, placeholder='...')}")
        print(textwrap.indent(str(epoll_server.timeline), "  "))

    return show
