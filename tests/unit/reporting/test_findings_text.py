"""Several findings as the text of one exception."""

from pytest_epoll._core.finding import Finding
from pytest_epoll._reporting import findings_text


def test_findings_are_counted_and_set_apart():
    text = findings_text.describe([Finding("unused", "one\n  more"), Finding("script", "two")])

    assert text == "2 findings\n\nunused: one\n  more\n\nscript: two"


def test_findings_that_are_alike_are_shown_once():
    found = [Finding("unmatched", f"c0.{number} GET /a\n  closest: x\n", 0, number) for number in range(100)]

    assert findings_text.describe(found).splitlines() == [
        "100 findings",
        "",
        "unmatched: c0.0 GET /a",
        "  and the same of c0.1 GET /a, c0.2 GET /a, c0.3 GET /a and 96 more",
        "  closest: x",
    ]
