"""The simulator's staff desk."""

import itertools

import pytest
from conftest import INSTITUTION, SIM, alma, control
from playwright.sync_api import expect

NUMBERS = itertools.count(1)


@pytest.fixture
def book():
    """A title with one copy at MAIN; its barcode."""
    barcode = f"DESK-{next(NUMBERS)}"
    body = {"title": f"Book {barcode}", "barcode": barcode, "library": "MAIN", "location": "stacks"}
    control("POST", "bibs", body)
    return barcode


@pytest.fixture
def desk(page):
    page.goto(f"{SIM}/sim/desk/{INSTITUTION}")
    page.locator("#place").select_option("MAIN\nDEFAULT_CIRC_DESK")
    return page


def row(desk, table, text):
    return desk.locator(f"#{table} tbody tr").filter(has_text=text)


def scan(desk, barcode):
    desk.get_by_label("Barcode", exact=True).fill(barcode)
    desk.keyboard.press("Enter")


def test_institutions_are_listed_with_a_desk_each(page):
    page.goto(f"{SIM}/sim/")
    page.get_by_role("link", name="01OTHER_INST").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Simulated Alma")
    expect(page).to_have_url(f"{SIM}/sim/desk/01OTHER_INST")


def test_scan_by_keyboard_sends_a_held_item_on_its_way(desk, book):
    control("POST", "hold", {"user": "jo.reader", "barcode": book, "pickup_library": "BRANCH"})
    expect(row(desk, "requests", book)).to_contain_text("NOT_STARTED")
    scan(desk, book)
    expect(row(desk, "items", book)).to_contain_text("TRANSIT → BRANCH")
    expect(row(desk, "requests", book)).to_contain_text("IN_PROCESS")
    expect(desk.get_by_label("Barcode", exact=True)).to_be_focused()
    desk.locator("#place").select_option("BRANCH\nDEFAULT_CIRC_DESK")
    scan(desk, book)
    expect(row(desk, "items", book)).to_contain_text("HOLDSHELF")


def test_item_is_lent_renewed_and_returned(desk, book):
    desk.get_by_label("Barcode", exact=True).fill(book)
    desk.get_by_label("User", exact=True).fill("jo.reader")
    desk.get_by_role("button", name="Lend", exact=True).click()
    expect(row(desk, "loans", book)).to_contain_text("jo.reader")
    desk.get_by_role("button", name=f"Renew {book}").click()
    expect(desk.get_by_role("status")).to_contain_text("is renewed")
    desk.get_by_role("button", name=f"Return {book}").click()
    expect(row(desk, "loans", book)).to_have_count(0)


def test_refusal_is_told_in_almas_words(desk):
    scan(desk, "NO-SUCH-BARCODE")
    expect(desk.get_by_role("status")).to_contain_text("401689")
    expect(desk.get_by_role("status")).to_have_class("refused")


def test_request_is_cancelled(desk, book):
    control("POST", "hold", {"user": "sam.student", "barcode": book, "pickup_library": "MAIN"})
    row(desk, "requests", book).get_by_role("button", name="Cancel").click()
    expect(row(desk, "requests", book)).to_have_count(0)
    assert control("GET", f"items/{book}")["process_type"] == ""


def test_user_is_blocked_and_unblocked(desk):
    desk.get_by_role("button", name="Block staff.member").click()
    expect(row(desk, "users", "staff.member")).to_contain_text("blocked")
    assert alma("/users/staff.member")["user_block"] != []
    desk.get_by_role("button", name="Unblock staff.member").click()
    expect(row(desk, "users", "staff.member")).not_to_contain_text("blocked")


def test_item_is_marked_lost_and_found(desk, book):
    control("POST", "loan", {"barcode": book, "user": "jo.reader", "library": "MAIN", "desk": "DEFAULT_CIRC_DESK"})
    desk.get_by_label(f"Mark {book}").select_option("claimed_returned")
    expect(row(desk, "items", book)).to_contain_text("CLAIM_RETURNED_LOAN")
    desk.get_by_label(f"Mark {book}").select_option("found")
    expect(row(desk, "items", book)).to_contain_text("LOAN")
    control("POST", "return", {"barcode": book, "library": "MAIN", "desk": "DEFAULT_CIRC_DESK"})


def test_api_call_made_meanwhile_is_shown(desk):
    alma("/users/jo.reader?view=brief")
    expect(desk.locator("#calls")).to_contain_text("GET /users/jo.reader?view=brief")


def test_script_in_a_title_stays_text(desk):
    title = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    control("POST", "bibs", {"title": title, "barcode": "EVIL-1", "library": "MAIN", "location": "stacks"})
    desk.get_by_label("Search items and users").fill("EVIL-1")
    expect(row(desk, "items", "EVIL-1")).to_contain_text("<script>")
    assert desk.title() != "taken"
    assert desk.locator("#items img").count() == 0


def test_place_is_kept_when_the_page_is_loaded_again(desk):
    desk.locator("#place").select_option("BRANCH\nDEFAULT_CIRC_DESK")
    desk.reload()
    expect(desk.locator("#place")).to_have_value("BRANCH\nDEFAULT_CIRC_DESK")


def test_page_fits_a_narrow_screen(desk):
    desk.set_viewport_size({"width": 390, "height": 800})
    expect(desk.get_by_label("Barcode", exact=True)).to_be_visible()
    assert desk.evaluate("document.documentElement.scrollWidth") <= 390
