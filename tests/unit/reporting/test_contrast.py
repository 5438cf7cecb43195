import pytest

from pytest_epoll._reporting import contrast


@pytest.mark.parametrize(
    ("one", "other", "at"),
    [
        (b"", b"", 0),
        (b"abc", b"abc", 3),
        (b"abc", b"abd", 2),
        (b"abc", b"xbc", 0),
        (b"ab", b"abc", 2),
        (b"x" * 100_001 + b"a", b"x" * 100_001 + b"b" * 7, 100_001),
    ],
)
def test_the_first_difference_is_found(one, other, at):
    assert contrast.first_difference(one, other) == at
    assert contrast.first_difference(other, one) == at


def test_short_texts_stand_below_each_other_as_they_are():
    assert contrast.lines_of_pair("abc", "abd") == ["- abc", "+ abd"]


def test_a_caret_stands_below_the_first_difference_of_longer_texts():
    lines = contrast.lines_of_pair("zip=12345&city=berlin", "zip=12346&city=berlin")

    assert lines == ["- zip=12345&city=berlin", "+ zip=12346&city=berlin", "          ^"]


def test_long_texts_are_shortened_around_the_first_difference():
    wanted, found, caret = contrast.lines_of_pair("x" * 500 + "a" + "y" * 500, "x" * 500 + "b" + "y" * 500)

    assert len(wanted) == len(found) == contrast.WIDTH + 2
    assert (wanted[:5], wanted[-3:]) == ("- ...", "...")
    assert (wanted[caret.index("^")], found[caret.index("^")]) == ("a", "b")


def test_of_a_difference_at_the_end_as_much_as_possible_is_shown_before_it():
    wanted, found, caret = contrast.lines_of_pair("x" * 500 + "a", "x" * 500 + "b")

    assert len(wanted) == len(found) == len(caret) == contrast.WIDTH + 2
    assert wanted == f"- ...{'x' * 84}a"


def test_control_characters_never_reach_the_terminal():
    assert contrast.lines_of_pair("a", "\x1b[31m\x9b\u202e") == ["- a", "+ \\x1b[31m\\x9b\\u202e"]


def test_texts_are_compared_line_by_line():
    lines = contrast.bodies(b"one\ntwo\nthree\nfour\n", b"one\ntwo\ntree\nfour\n")

    assert lines == [
        "19 bytes expected, 18 received; they differ from byte 9 on",
        "  one",
        "  two",
        "- three",
        "+ tree",
        "  four",
    ]


def test_a_different_end_of_a_line_is_shown():
    lines = contrast.bodies(b"one\r\ntwo\r\n", b"one\ntwo\n")

    assert lines[1:] == ["- one\\r\\n", "+ one\\n", "- two\\r\\n", "+ two\\n"]


def test_bytes_that_are_no_text_are_dumped_around_the_first_difference():
    lines = contrast.bodies(bytes(range(48)), bytes(range(20)) + b"\xff" + bytes(range(21, 30)))

    assert lines == [
        "48 bytes expected, 30 received; they differ from byte 20 on",
        "  00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|",
        "- 00000010  10 11 12 13 14 15 16 17  18 19 1a 1b 1c 1d 1e 1f  |................|",
        "- 00000020  20 21 22 23 24 25 26 27  28 29 2a 2b 2c 2d 2e 2f  | !\"#$%&'()*+,-./|",
        "+ 00000010  10 11 12 13 ff 15 16 17  18 19 1a 1b 1c 1d        |..............|",
    ]


def test_a_dump_says_where_the_shorter_body_ends():
    lines = contrast.bodies(b"\x00" * 17, b"\x00" * 16)

    assert lines[-1] == "+ 00000010  (ends here)"


def test_a_large_body_makes_a_short_diff():
    wanted = b"".join(b"line %d\n" % number for number in range(100_000))

    lines = contrast.bodies(wanted, wanted.replace(b"line 50000\n", b"line x\n"))

    assert "- line 50000" in lines
    assert "+ line x" in lines
    assert len(lines) < 16


def test_the_window_may_cut_a_character():
    text = "ä" * 1000

    lines = contrast.bodies(f"{text}a{text}".encode(), f"{text}b{text}".encode())

    assert lines[1].startswith("- ...ä")
