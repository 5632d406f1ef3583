"""A browser, a simulator put back before each test as it was at the start, and the demo for the desk of the hub.

The simulator's address, a key of its one institution and the browser's program come from the environment; see `run`.
"""

import json
import os
import pathlib
import re
import subprocess
import urllib.parse
import urllib.request

import pytest
from playwright.sync_api import sync_playwright

URL = os.environ["CONSORT_SIM"]
KEY = os.environ["CONSORT_SIM_KEY"]
INST = "01PAG_INST"


def http(method, path, body=None, headers=None):
    """An HTTP call that tells status and parsed body, refusals too."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"content-type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read() or b"null")


def sim(method, path, body=None):
    """An act of the control surface, which must go well."""
    status, answer = http(method, f"/sim/{path}", body)
    assert status == 200, answer
    return answer


def alma(method, path, body=None):
    """A REST call."""
    return http(method, f"/almaws/v1{path}", body, {"authorization": f"apikey {KEY}", "accept": "application/json"})


@pytest.fixture(scope="session")
def at_the_start():
    return sim("GET", f"{INST}/snapshot")


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        # A container's root has no namespace to sandbox in.
        browser = playwright.chromium.launch(executable_path=os.environ["CONSORT_BROWSER"], args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, at_the_start):
    """A fresh page; whatever it complains about in its console fails the test."""
    sim("POST", "restore", at_the_start)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    page = context.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.complaints = complaints
    yield page
    context.close()


@pytest.fixture
def desk(page):
    page.goto(f"{URL}/sim/desk/{INST}")
    page.wait_for_selector("#rows tr")
    return page


PASSWORD = "consort-demo"


def barcode(number):
    """The barcode of one of the lender's books."""
    return f"01LEND-M{number:03}"


class Demo:
    """`consort demo`: a hub with two simulated Almas, after its first loan."""

    def __init__(self):
        program = [os.environ["TESTED_PROGRAM"], "demo", "--pace", "0"]
        # The hub takes CONSORT_ variables as its settings.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONSORT_")}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(program, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.startswith("Scan it in"):
                break
        else:
            raise RuntimeError("the demo ended early:\n" + "".join(said))
        text = "".join(said)
        self.base = re.search(r"The desk of the hub: (http://[^/\s]+)", text)[1]
        self.lender = re.search(r"(http://[^/\s]+)/sim/desk/01LEND_INST", text)[1]
        self.borrower = re.search(r"(http://[^/\s]+)/sim/desk/01BORROW_INST", text)[1]
        self.key = re.search(r"CONSORT_API_KEY=(\S+)", text)[1]

    def api(self, method, path, body=None):
        """A call of the hub's API as consortium admin, which must go well."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.key}"}
        with urllib.request.urlopen(urllib.request.Request(self.base + path, data, headers, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def act(self, side, what, body):
        """An act of staff in the Alma of a side."""
        base, institution = {"lender": (self.lender, "01LEND_INST"), "borrower": (self.borrower, "01BORROW_INST")}[side]
        data = json.dumps({"desk": "DEFAULT_CIRC_DESK", **body}).encode()
        call = urllib.request.Request(f"{base}/sim/{institution}/{what}", data, {"content-type": "application/json"})
        urllib.request.urlopen(call, timeout=10).close()

    def scan_in(self, side, barcode, library):
        self.act(side, "scan-in", {"barcode": barcode, "library": library})

    def lend(self, side, barcode, user, library):
        self.act(side, "loan", {"barcode": barcode, "user": user, "library": library})

    def title(self, number):
        """The title of one of the lender's books."""
        with urllib.request.urlopen(f"{self.lender}/sim/01LEND_INST/state", timeout=10) as answer:
            items = json.loads(answer.read())["items"]
        return next(item["bib_data"]["title"] for item in items if item["item_data"]["barcode"] == barcode(number))

    def place(self, number):
        """A request for one of the lender's books, which waits at the lender."""
        copy = {"institution": "01LEND_INST", "barcode": barcode(number)}
        body = {"agency": "BORROW", "patron": "jo.reader", "pickup_location": "BORROW-MAIN", "copies": [copy]}
        return self.api("POST", "/api/v1/requests", body)["id"]

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=30)


@pytest.fixture(scope="session")
def demo():
    running = Demo()
    yield running
    running.stop()


@pytest.fixture
def open_page(browser):
    """Makes fresh pages; whatever one complains about in its console fails the test."""
    contexts, complaints = [], []

    def make(**options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options})
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert not complaints, complaints


@pytest.fixture
def sign_in(demo, open_page):
    """Opens the desk for one of the demo's accounts."""

    def make(user, **options):
        page = open_page(**options)
        page.goto(demo.base + "/sign-in")
        page.fill("#name", user)
        page.fill("#password", PASSWORD)
        page.click("main button")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    return make


AXE = pathlib.Path(os.environ.get("AXE_SCRIPT", "axe.min.js"))
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def accessibility_faults(page):
    """What axe finds on the page as it is."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [(fault["id"], [node["html"][:160] for node in fault["nodes"][:3]]) for fault in found]


def sticks_out(page):
    """By how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
