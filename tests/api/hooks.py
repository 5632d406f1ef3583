"""Leads generated calls to objects that exist, and away from what would take too long or leave this machine."""

import itertools
import os
from urllib.parse import urlsplit

import schemathesis

ALMA = os.environ["ALMA_BASE_URL"]
REQUESTS = os.environ["KNOWN_REQUESTS"].split()
CODES = {
    "institutions": os.environ["KNOWN_INSTITUTIONS"].split(),
    "webhooks": os.environ["KNOWN_INSTITUTIONS"].split(),
    "agencies": os.environ["KNOWN_AGENCIES"].split(),
    "pickup-locations": os.environ["KNOWN_PICKUP_LOCATIONS"].split(),
    "keys": ["GENERATED-KEY"],
    "users": ["GENERATED-USER"],
    "views": ["GENERATED-VIEW"],
    "subscriptions": ["GENERATED-SUBSCRIPTION"],
    "catalogue": ["GENERATED-TITLE"],
}
number = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Changes a call just before it is sent, whatever has generated it."""
    turn = next(number)
    # Each call comes from a client of its own, behind a proxy that the hub knows: answers to wrong keys of one client are
    # delayed more and more.
    case.headers = {**(case.headers or {}), "X-Forwarded-For": f"10.{turn >> 16 & 255}.{turn >> 8 & 255}.{turn & 255}"}
    path = case.path_parameters
    # Every other call is for an object that exists. Objects of the set-up are neither changed nor removed.
    if path and "id" in path and turn % 2 == 0:
        path["id"] = REQUESTS[turn // 2 % len(REQUESTS)]
    if path and "code" in path:
        known = CODES[case.operation.path.removeprefix("/api/v1").split("/")[1]]
        is_change = case.method.upper() in ("PUT", "DELETE")
        if is_change and (turn % 2 == 0 or path["code"] in known):
            path["code"] = f"GENERATED-{turn // 2 % 3}"
        elif turn % 2 == 0:
            path["code"] = known[turn // 2 % len(known)]
    query = case.query
    if case.operation.path == "/api/v1/events":
        # A stream that lasts would never be compared.
        case.query = query = {**(query or {}), "seconds": 0}
    if query and "wait" in query:
        try:
            query["wait"] = min(int(query["wait"]), 1)
        except (TypeError, ValueError):
            pass
    body = case.body
    if isinstance(body, dict) and isinstance(body.get("url"), str):
        # No event leaves this machine.
        body["url"] = ALMA
    settings = body.get("settings") if isinstance(body, dict) else None
    if isinstance(settings, dict) and isinstance(settings.get("base_url"), str):
        # No call leaves this machine.
        scheme = urlsplit(settings["base_url"]).scheme
        if scheme in ("http", "https"):
            settings["base_url"] = ALMA
