"""Where a position lies in the images of a reply, which pass by one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll.faults._positions import needs_length

if TYPE_CHECKING:
    from pytest_epoll._core.image import Image, Part
    from pytest_epoll.faults._positions import Place, Position


class Finder:
    """Finds places in the images of one reply, which come one after the other."""

    __slots__ = ("_content", "_seen", "body", "chunks", "events", "sent")

    def __init__(self) -> None:
        self.sent = 0  # bytes of the whole images before this one
        self.body = 0  # of these, behind the head
        self._content = 0
        self.chunks = 0
        self.events = 0
        self._seen: Image | None = None  # the whole that was looked at last

    def enter(self, whole: Image) -> None:
        """Take note of the whole that what comes next is a part of."""
        if whole is self._seen:
            return
        last, self._seen = self._seen, whole
        if last is not None:
            self.sent += last.size
            self.body += last.size - last.head_size
            self._content += sum(part.end - part.begin for part in last.parts)
            self.chunks += sum(part.kind == "chunk" for part in last.parts)
            self.events += len(last.events)

    def begin_at(self, sent: int) -> None:
        """Take note that the whole begins behind so many bytes: less than the wholes before, if one was cut off."""
        missing = self.sent - sent
        self.sent = sent
        self.body = max(self.body - missing, 0)

    def find(self, position: Position, whole: Image) -> int | None:
        """Return where in this whole a position lies; None, or an offset beyond it: not here."""
        if isinstance(position, int):
            return position - self.sent
        if isinstance(position, str):
            return self._find_named(position, whole)
        finders = {
            "body": self._find_body,
            "content": self._find_content,
            "chunk": self._find_chunk,
            "event": self._find_event,
            "header": self._find_header,
            "half_of": self._find_half,
            "before": self._find_before,
        }
        find = finders.get(position.kind)
        return None if find is None else find(position, whole)

    def _find_named(self, name: str, whole: Image) -> int | None:
        if name == "head":
            return whole.head_size if whole.head else None
        last = next((part for part in whole.parts if part.kind == "last"), None)
        if last is None or name == "end":
            return None
        return last.start if name == "last-chunk" else last.begin

    def _find_body(self, place: Place, whole: Image) -> int | None:
        return whole.head_size + int(str(place.value)) - self.body

    def _find_content(self, place: Place, whole: Image) -> int | None:
        wanted = int(str(place.value)) - self._content
        if wanted == 0:
            return whole.head_size if whole.head else 0
        for part in whole.parts:
            if wanted <= part.end - part.begin:
                return part.begin + wanted
            wanted -= part.end - part.begin
        return None

    def _find_chunk(self, place: Place, whole: Image) -> int | None:
        part = self._chunk(int(str(place.value)), whole)
        return None if part is None else part.stop

    def _chunk(self, number: int, whole: Image) -> Part | None:
        chunks = [part for part in whole.parts if part.kind == "chunk"]
        index = number - self.chunks - 1
        return chunks[index] if 0 <= index < len(chunks) else None

    def _find_event(self, place: Place, whole: Image) -> int | None:
        index = int(str(place.value)) - self.events - 1
        return whole.events[index] if 0 <= index < len(whole.events) else None

    @staticmethod
    def _find_header(place: Place, whole: Image) -> int | None:
        found = find_field(str(place.value), whole.head)
        end = -1 if found is None else whole.head.find(b"\r\n", found[1])
        return None if end < 0 else end + 2

    def _find_half(self, place: Place, whole: Image) -> int | None:
        what, _, detail = str(place.value).partition(":")
        span: tuple[int, int] | None = None
        if what == "status-line":
            span = (0, line_end(whole.head, 0)) if whole.head else None
        elif what == "header":
            span = find_field(detail, whole.head)
        elif what == "body":
            return self._find_half_of_body(whole)
        else:
            part = self._chunk(int(detail or 1), whole)
            if part is not None:
                span = (part.start, part.begin - 2) if what == "chunk-size" else (part.begin, part.end)
        return None if span is None else span[0] + (span[1] - span[0]) // 2

    def _find_half_of_body(self, whole: Image) -> int | None:
        if not whole.head or whole.rest is None:
            return None
        images = (whole, *whole.rest)
        size = sum(
            (part.start if part.kind == "last" else part.stop) - part.start for image in images for part in image.parts
        )
        return whole.head_size + size // 2

    def _find_before(self, place: Place, whole: Image) -> int | None:
        """Return where it lies, counted from the first image; only from there everything can be seen."""
        if not whole.head or whole.rest is None or place.base is None:
            return None
        images = (whole, *whole.rest)
        distance = int(str(place.value))
        if place.base == "end":
            return max(sum(image.size for image in images) - distance, 0)
        if needs_length(place.base):
            base = self.find(place.base, whole)
            return None if base is None else max(base - distance, 0)
        finder = Finder()
        for image in images:
            finder.enter(image)
            offset = finder.find(place.base, image)
            if offset is not None and 0 <= offset <= image.size:
                return max(finder.sent + offset - distance, 0)
        return None


def find_field(name: str, head: bytes) -> tuple[int, int] | None:
    """Return where the value of a header field begins and ends; of a repeated one the first."""
    at = head.lower().find(b"\r\n" + name.lower().encode("latin-1", "replace") + b":")
    if at < 0:
        return None
    begin = head.index(b":", at) + 1
    end = line_end(head, begin)
    while begin < end and head[begin : begin + 1] in b" \t":
        begin += 1
    return begin, end


def line_end(head: bytes, start: int) -> int:
    """Return where a line ends: before its CRLF, or with a head that has none any more, in `raw=` or after damage."""
    end = head.find(b"\r\n", start)
    return end if end >= 0 else len(head)
