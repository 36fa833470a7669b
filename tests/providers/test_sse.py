import pytest

from antiphon.providers.base.sse import SseParser

STREAM = (
    b'data: {"a":1}\n\n'
    b": a comment\n\n"
    b"event: x\nid: 7\r\ndata:two\r\ndata: lines\r\n\r\n"
    b"data: cr\r\r"
    b"data\n\n"
    b"data: [DONE]\n\n"
)
EVENTS = [b'{"a":1}', b"two\nlines", b"cr", b"[DONE]"]


def test_it_works():
    assert SseParser().feed(STREAM) == EVENTS


@pytest.mark.parametrize(
    "stream",
    [
        b"data: one\n\ndata: two\n\n",
        b"event: x\ndata: one\n\n: nothing\n\n\n\ndata: t\ndata:wo\n\n\n",
        b"data: one\r\n\r\ndata: two\r\n\r\n",
        b"data: one\r\n\r\ndata: t\rdata: wo\r\n\r\n",
        b"data\n\ndata:\n\ndata:  x\n\n",
        b"\n\n",
    ],
)
def test_whole_events_at_once_are_read_as_bytes_one_by_one_are(stream):
    parser = SseParser()
    one_by_one = [event for byte in stream for event in parser.feed(bytes([byte]))]
    assert SseParser().feed(stream) == one_by_one


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_the_stream_may_be_cut_anywhere(size):
    parser = SseParser()
    events = []
    for start in range(0, len(STREAM), size):
        events += parser.feed(STREAM[start : start + size])
    assert events == EVENTS


def test_a_unicode_character_may_be_cut():
    parser = SseParser()
    data = "data: 👋\n\n".encode()
    assert parser.feed(data[:8]) == []
    assert parser.feed(data[8:]) == ["👋".encode()]


def test_an_event_without_its_blank_line_is_not_given_out():
    assert SseParser().feed(b"data: half\n") == []


def test_only_one_space_is_taken_off():
    assert SseParser().feed(b"data:  x \n\n") == [b" x "]


def test_an_endless_event_is_refused():
    parser = SseParser(max_bytes=100)
    parser.feed(b"data: " + b"x" * 80)
    with pytest.raises(ValueError, match="larger than 100 bytes"):
        parser.feed(b"x" * 80)


def test_an_event_of_endless_lines_is_refused():
    parser = SseParser(max_bytes=100)
    with pytest.raises(ValueError, match="larger"):
        parser.feed(b"data: xxxxxxxxx\n" * 20)
