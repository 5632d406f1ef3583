"""Chromium, and the simulated Alma's control surface."""

import json
import os
import urllib.request

import pytest
from playwright.sync_api import sync_playwright

SIM = os.environ["SIM_URL"]
KEY = os.environ["SIM_KEY"]
INSTITUTION = "01DESK_INST"


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"] or None, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, request):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None)
    yield page
    folder = os.environ.get("CONSORT_SCREENSHOTS")
    if folder:
        page.screenshot(path=f"{folder}/{request.node.name}.png", full_page=True)
    page.close()
    assert faults == []


def control(method, path, body=None):
    """One call of the simulator's control surface."""
    data = json.dumps(body).encode() if body is not None else None
    headers = {"content-type": "application/json"}
    call = urllib.request.Request(f"{SIM}/sim/{INSTITUTION}/{path}", data, headers, method=method)
    with urllib.request.urlopen(call) as answer:
        return json.load(answer)


def alma(path):
    """One call of Alma's API."""
    headers = {"authorization": f"apikey {KEY}", "accept": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{SIM}/almaws/v1{path}", headers=headers)) as answer:
        return json.load(answer)
