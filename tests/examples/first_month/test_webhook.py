"""A webhook receiver: the code under test calls us, on its own time, and we look at what came."""

import hashlib
import hmac
import json
import threading

import requests


class Notifier:
    """Tell subscribers about an event, signed, in the background."""

    def __init__(self, subscriber, secret):
        self.subscriber = subscriber
        self.secret = secret

    def notify(self, event):
        body = json.dumps(event).encode()
        signature = hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        thread = threading.Thread(target=self._post, args=(body, signature))
        thread.start()
        return thread

    def _post(self, body, signature):
        for _ in range(2):
            response = requests.post(self.subscriber, data=body, headers={"X-Signature": signature}, timeout=5)
            if response.ok:
                break


def test_the_hook_is_called_with_a_signed_event(epoll_server):
    hook = epoll_server.post("/hook").respond(204)

    thread = Notifier(epoll_server.url + "/hook", b"secret").notify({"order": 7})
    [request] = hook.wait_for_requests()
    thread.join()

    assert request.json() == {"order": 7}
    assert request.headers["x-signature"] == hmac.new(b"secret", request.body, hashlib.sha256).hexdigest()


def test_a_hook_that_fails_is_called_again_with_the_same_body(epoll_server):
    hook = epoll_server.post("/hook").respond(500).respond(204)

    thread = Notifier(epoll_server.url + "/hook", b"secret").notify({"order": 7})
    first, second = hook.wait_for_requests(2)
    thread.join()

    assert first.body == second.body
