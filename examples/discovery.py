#!/usr/bin/env python3
"""A small client for a discovery system: what each page of a catalogue asks the hub for.

    discovery.py search WORDS...
    discovery.py availability TITLE
    discovery.py terms TITLE PATRON PICKUP
    discovery.py request TITLE PATRON PICKUP
    discovery.py mine PATRON
    discovery.py cancel REQUEST
    discovery.py events [AFTER]

CONSORT_HUB is the hub's address, CONSORT_API_KEY a key with the role `discovery`, and CONSORT_AGENCY the code of the
agency whose patrons use this catalogue. docs/discovery.md explains each call.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

HUB = os.environ["CONSORT_HUB"].rstrip("/")
KEY = os.environ["CONSORT_API_KEY"]
AGENCY = os.environ.get("CONSORT_AGENCY", "")


class Refused(Exception):
    """An answer of the hub that is a problem. Its sentence is for the patron where the hub has one."""


def call(method, path, body=None, timeout=60):
    """Returns the answer of one call, as JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(HUB + path, data=data, method=method)
    request.add_header("Authorization", f"Bearer {KEY}")
    request.add_header("Content-Type", "application/json")
    request.add_header("Accept-Language", os.environ.get("CONSORT_LANGUAGE", "en"))
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        problem = json.loads(error.read() or "{}")
        sentences = [fault.get("patron_message") for fault in problem.get("errors", [])]
        sentence = next(filter(None, [problem.get("patron_message"), *sentences, problem.get("detail")]), str(error))
        raise Refused(f"{problem.get('code', error.code)}: {sentence}") from error


def query(**values):
    return urllib.parse.urlencode({name: value for name, value in values.items() if value})


def search(words):
    """A page of results: one line for each title."""
    found = call("GET", f"/api/v1/catalogue/search?{query(q=' '.join(words), limit=10)}")
    print(f"{found['total']} titles")
    for title in found["titles"]:
        print(f"{title['id']}  {title['title']}  ({', '.join(title['agencies'])})")


def availability(title):
    """The page of a title: which libraries have a copy that can be requested now."""
    found = call("GET", f"/api/v1/catalogue/titles/{urllib.parse.quote(title)}/availability")
    for record in found["records"]:
        for copy in record["copies"]:
            requestable = "can be requested" if copy["requestable"] else "can't be requested"
            print(f"{record['institution']}  {copy['state']}  {requestable}")
    for missing in found["missing"]:
        print(f"{missing['institution']}  {missing['code']}")


def wish(title, patron, pickup):
    return {"agency": AGENCY, "patron": patron, "pickup_location": pickup, "title": {"id": title}}


def terms(title, patron, pickup):
    """The page before the button: may the patron borrow, and from whom, and for how long."""
    found = call("POST", "/api/v1/requests/preview", wish(title, patron, pickup))
    print("possible" if found["possible"] else "not possible")
    for reason in found["faults"] + (found["patron"] or {"reasons": []})["reasons"]:
        print(reason["patron_message"])


def request(title, patron, pickup):
    """The button."""
    placed = call("POST", "/api/v1/requests", wish(title, patron, pickup))
    print(placed["id"])
    print(placed["patron_message"])


def mine(patron):
    """The patron's account: the patron's requests, newest first."""
    for one in call("GET", f"/api/v1/requests?{query(agency=AGENCY, patron=patron)}")["requests"]:
        print(f"{one['id']}  {one['title']}  {one['patron_message']}")


def cancel(request_id):
    call("DELETE", f"/api/v1/requests/{urllib.parse.quote(request_id)}")
    print("cancelled")


def events(after="0"):
    """Follows the changes of requests until the hub ends the stream. A real client connects again with the last id."""
    call_for = urllib.request.Request(f"{HUB}/api/v1/events?{query(after=after, seconds=5)}")
    call_for.add_header("Authorization", f"Bearer {KEY}")
    with urllib.request.urlopen(call_for, timeout=60) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                event = json.loads(line[len("data: "):])["data"]
                print(f"{event['request']}  {event['status']}  {event['patron_message']}")


COMMANDS = {
    "availability": availability, "terms": terms, "request": request, "mine": mine, "cancel": cancel, "events": events,
}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in {"search", *COMMANDS}:
        sys.exit(__doc__)
    command, *arguments = sys.argv[1:]
    try:
        search(arguments) if command == "search" else COMMANDS[command](*arguments)
    except Refused as refused:
        sys.exit(str(refused))
    except TypeError:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
