"""Receives a hub's messages about changes with the library of Standard Webhooks. Fails at the first wrong message.

    receive.py HUB KEY SIMULATOR
"""

import http.server
import json
import queue
import sys
import threading
import time
import urllib.error
import urllib.request

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

HUB, KEY, SIMULATOR = sys.argv[1:]
PATIENCE = 30


def check(claim, what):
    if not claim:
        sys.exit(f"tests/events: {what}")


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(HUB + path, data=data, method=method)
    request.add_header("Authorization", f"Bearer {KEY}")
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or "null")
    except urllib.error.HTTPError as refused:
        sys.exit(f"tests/events: {method} {path}: {refused.read().decode()}")


def until_the_hub_answers():
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{HUB}/health/ready", timeout=PATIENCE).close()
            return
        except OSError as error:
            check(time.monotonic() < end, f"the hub does not start: {error}")
            threading.Event().wait(0.05)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what comes, and accepts only the messages after the first one, so that the hub repeats that one."""

    received = queue.Queue()
    refuse = [500]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Receiver.received.put((dict(self.headers.items()), body))
        self.send_response(self.refuse.pop() if self.refuse else 204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def institution(code, key, library):
    settings = {
        "base_url": SIMULATOR, "sharing_library": "SHARING", "virtual_library": "DCB_LIB", "virtual_location": "dcbvirtual",
        "virtual_item_policy": "DCB", "circulation_desks": {"MAIN": "DEFAULT_CIRC_DESK", "DCB_LIB": "DEFAULT_CIRC_DESK"},
        "patron_types": {"UNDRGRD": "undergraduate"}, "user_groups": {"undergraduate": "DCB"},
        "item_types": {"BOOK": "book"}, "material_types": {"book": "BOOK"},
    }
    call("PUT", f"/api/v1/institutions/{code}", {"name": library, "kind": "alma", "api_key": key, "settings": settings})
    agency = code.removesuffix("_INST").removeprefix("01")
    call("PUT", f"/api/v1/agencies/{agency}", {"name": library, "institution": code})
    call("PUT", f"/api/v1/pickup-locations/{agency}-MAIN", {"name": "Main Library", "agency": agency, "library": "MAIN"})


def verified(hook):
    """Returns the headers and the event of the next message, which the library has verified."""
    headers, body = Receiver.received.get(timeout=PATIENCE)
    lower = {name.lower(): value for name, value in headers.items()}
    return lower, body, hook.verify(body, lower)


def is_refused(hook, headers, body):
    try:
        hook.verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
until_the_hub_answers()
institution("01LEND_INST", "l8xx-lend", "Lending College")
institution("01BORROW_INST", "l8xx-borrow", "Borrowing College")
made = call("POST", "/api/v1/subscriptions", {
    "name": "catalogue", "url": f"http://127.0.0.1:{server.server_port}/events", "role": "discovery", "agencies": ["BORROW"],
})
hook = Webhook(made["secret"])
call("POST", "/api/v1/requests?wait=0", {
    "agency": "BORROW", "patron": "jo.reader", "pickup_location": "BORROW-MAIN",
    "copies": [{"institution": "01LEND_INST", "barcode": "01LEND-M001"}],
})
first, body, event = verified(hook)
check(event["type"] == "request.changed", f"the first event is {event}")
again, same, _ = verified(hook)
check((again["webhook-id"], same) == (first["webhook-id"], body), "a message that was refused comes once more, with its id")
tampered = body.replace(b"request.changed", b"request.deleted")
check(is_refused(hook, first, tampered), "a message with another body is verified")
old = {**first, "webhook-timestamp": str(int(first["webhook-timestamp"]) - 3600)}
check(is_refused(hook, old, body), "a message with another time is verified")
check(is_refused(Webhook("whsec_" + "QUFB" * 8), first, body), "a message is verified with another secret")
rotated = Webhook(call("POST", "/api/v1/subscriptions/catalogue/rotate", {"overlap_hours": 1})["secret"])
version, by_both = event["data"]["version"], 0
while event["data"]["status"] != "REQUEST_PLACED_AT_BORROWING_AGENCY":
    headers, body, event = verified(hook)
    check(event["data"]["version"] > version, f"version {event['data']['version']} follows {version}")
    version = event["data"]["version"]
    by_both += not is_refused(rotated, headers, body)
# Messages that were signed before the rotation may come first.
call("DELETE", f"/api/v1/requests/{event['data']['request']}", {"by": "staff", "reason": "a test"})
headers, body, event = verified(hook)
check(not is_refused(rotated, headers, body), "a message after the rotation has no signature with the new secret")
server.shutdown()
print(f"Standard Webhooks' library verifies the hub's messages, {by_both + 1} with both secrets of a rotation")
