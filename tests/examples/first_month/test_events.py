"""Streaming: a client of server-sent events sees each as it comes."""

import httpx


def answer_of(url, question):
    """Yield the words of an answer as the server says them."""
    with httpx.stream("POST", f"{url}/chat", json={"question": question}) as response:
        for line in response.iter_lines():
            if line == "data: [DONE]":
                return
            if line.startswith("data: "):
                yield line.removeprefix("data: ")


def test_words_come_one_after_the_other(epoll_server):
    epoll_server.post("/chat").respond(events=["to", "be", "[DONE]"])

    assert list(answer_of(epoll_server.url, "what?")) == ["to", "be"]


def test_a_word_is_there_before_the_next_is_sent(epoll_server):
    gate = epoll_server.gate()
    epoll_server.post("/chat").respond(events=["to", gate, "be", "[DONE]"])
    words = answer_of(epoll_server.url, "what?")

    assert next(words) == "to"
    gate.open()
    assert list(words) == ["be"]
