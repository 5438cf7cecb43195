"""The known differences between llhttp, h11 and us: every case that they see differently is in the table of the docs.

To write that table anew: `python tests/unit/wire/test_differences.py`.
"""

import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

import pytest

import second_opinions
from reading import read, whole
from second_opinions import ACCEPTS, REFUSES, WAITS
from wire_cases import CASES, DIFFERENCES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "http-differences.md"
TABLE = re.compile(r"(?<=<!-- the table is generated -->\n\n).*?(?=\n<!-- end of the table -->)", re.DOTALL)
PARSERS = {"llhttp": second_opinions.llhttp, "h11": second_opinions.second_opinion}
SEEN_BY_ALL = ("request", "headers", "body", "trailers")


def our_verdict(case):
    return ACCEPTS if case.request else REFUSES if case.status else WAITS


def opinions(case):
    """Return what each parser makes of a case: a verdict, or what it read."""
    seen = {"ours": our_verdict(case)}
    if case.request:
        ours = read(whole(case.raw))[0][0]
        seen["ours"] = {name: ours[name] for name in SEEN_BY_ALL}
    for name, parse in PARSERS.items():
        verdict, theirs, _ = parse(case.raw)
        seen[name] = {name: theirs[name] for name in SEEN_BY_ALL} if theirs else verdict
    return seen


@pytest.mark.parametrize("case", [case for case in CASES if case.differs is None], ids=repr)
def test_llhttp_and_h11_see_a_case_without_a_known_difference_as_we_do(case):
    seen = opinions(case)

    assert dict.fromkeys(seen, seen["ours"]) == seen


@pytest.mark.parametrize("case", [case for case in CASES if case.differs is not None], ids=repr)
def test_a_known_difference_is_one(case):
    seen = opinions(case)

    assert dict.fromkeys(seen, seen["ours"]) != seen


def test_every_known_difference_has_a_case():
    assert set(DIFFERENCES) == {case.differs for case in CASES if case.differs}


def example(raw):
    """Return the bytes that matter, as code that fits into a table."""
    shown = raw.removeprefix(b"POST / HTTP/1.1\r\nHost: t\r\n").removeprefix(b"Transfer-Encoding: chunked\r\n\r\n")
    text = repr(shown)[2:-1].removesuffix("\\r\\n")
    return text if len(text) <= 60 else f"{text[:48]}..."


def table():
    """Return the table of known differences, from the shortest case of each."""
    lines = ["| what | for example | pytest-epoll | llhttp | h11 |", "|---|---|---|---|---|"]
    for key, what in DIFFERENCES.items():
        case = min((case for case in CASES if case.differs == key), key=lambda case: len(case.raw))
        ours = str(case.status) if case.status else our_verdict(case)
        theirs = [parse(case.raw)[0] for parse in PARSERS.values()]
        code = example(case.raw).replace("|", "\\|")
        lines.append(f"| {what} | `{code}` | {ours} | {' | '.join(theirs)} |")
    return "\n".join(lines) + "\n"


def test_the_table_in_the_docs_is_up_to_date():
    match = TABLE.search(PAGE.read_text())

    assert match is not None
    assert table() == match[0]


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: table(), PAGE.read_text()))
