"""A browser, and a simulator put back before each test as it was at the start.

The simulator's address, a key of its one institution and the browser's program come from the environment; see `run`.
"""

import json
import os
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
