"""The set-up pages of the desk, on the demo, in a browser."""

import base64
import hashlib
import hmac
import struct
import time

import pytest

from conftest import PASSWORD, accessibility_faults, sticks_out

PAGES = [
    "/institutions", "/institutions/new", "/institutions/01BORROW_INST", "/institutions/01BORROW_INST/mappings",
    "/institutions/01BORROW_INST/webhook", "/institutions/01BORROW_INST/orphans", "/institutions/01BORROW_INST/remove",
    "/agencies", "/agencies/new", "/agencies/BORROW", "/pickup-locations", "/pickup-locations/new",
    "/pickup-locations/BORROW-MAIN", "/mappings", "/policy", "/harvests", "/harvests/01BORROW_INST", "/users", "/users/new",
    "/keys", "/keys/new", "/audit", "/audit/reads", "/account",
]


@pytest.fixture
def admin(sign_in):
    return sign_in("consortium")


def test_every_page_of_the_set_up_is_accessible_and_fits(demo, admin):
    for size in ({"width": 1280, "height": 900}, {"width": 320, "height": 700}):
        admin.set_viewport_size(size)
        for path in PAGES:
            admin.goto(demo.base + path)
            assert sticks_out(admin) <= 0, (path, size)
            assert not accessibility_faults(admin), path


def test_each_page_exists_in_german_too(demo, sign_in):
    page = sign_in("consortium", locale="de-DE")
    for path in PAGES:
        page.goto(demo.base + path)
        assert page.get_attribute("html", "lang") == "de"
        # A missing text is shown as its id.
        assert "field-" not in page.inner_text("main") and "nav-" not in page.inner_text("body"), path


def test_navigation_of_a_reader_has_no_set_up(demo, sign_in):
    page = sign_in("reader")
    names = page.inner_text("nav.rail")
    assert "Institutions" not in names and "Users" not in names and "Audit" not in names
    page.goto(demo.base + "/institutions/01BORROW_INST")
    assert page.locator("main form").count() == 0


def test_checks_stand_next_to_their_fields(demo, admin):
    admin.goto(demo.base + "/institutions/01BORROW_INST")
    admin.click("text=Run checks")
    admin.wait_for_selector("text=The checks were made.")
    row = admin.locator(".checked", has=admin.locator("#virtual_library"))
    assert row.locator(".check").count() >= 1


def test_codes_of_alma_are_offered_to_choose_from(demo, admin):
    admin.goto(demo.base + "/institutions/01BORROW_INST")
    admin.wait_for_selector("datalist#libraries option", state="attached")
    assert admin.locator("datalist#user-groups option").count() > 0


def test_fault_stands_next_to_its_field_and_input_is_kept(demo, sign_in, browser):
    admin = plain(demo, browser)
    admin.goto(demo.base + "/institutions/01BORROW_INST")
    admin.fill("#barcode_prefix", "KEPT-")
    admin.fill("#virtual_library", "")
    admin.evaluate("document.querySelector('#virtual_library').required = false")
    admin.click("text=Save institution")
    admin.wait_for_selector("#virtual_library-fault")
    assert admin.input_value("#barcode_prefix") == "KEPT-"
    admin.context.close()


def plain(demo, browser):
    """A page for answers whose status the browser reports in its console."""
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(demo.base + "/sign-in")
    page.fill("#name", "consortium")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def test_change_by_somebody_else_is_shown_and_not_overwritten(demo, browser):
    first, second = plain(demo, browser), plain(demo, browser)
    for page in (first, second):
        page.goto(demo.base + "/pickup-locations/BORROW-MAIN")
    name = first.input_value("#location-name")
    first.fill("#location-name", name + " (first)")
    first.click("text=Save pickup location")
    first.wait_for_selector("text=Saved.")
    second.fill("#location-name", name)
    second.click("text=Save pickup location")
    assert "Somebody else has changed this" in second.inner_text("[role=status], [role=alert]")
    second.click("text=Save pickup location")
    second.wait_for_selector("text=Saved.")
    assert second.input_value("#location-name") == name
    for page in (first, second):
        page.context.close()


def test_settings_that_are_saved_unchanged_stay_the_same(demo, admin):
    before = demo.api("GET", "/api/v1/institutions/01BORROW_INST")
    admin.goto(demo.base + "/institutions/01BORROW_INST")
    admin.click("text=Save institution")
    admin.wait_for_selector("text=Saved.")
    assert demo.api("GET", "/api/v1/institutions/01BORROW_INST") == before
    rules = demo.api("GET", "/api/v1/agencies/BORROW")
    admin.goto(demo.base + "/agencies/BORROW")
    admin.click("text=Save agency")
    admin.wait_for_selector("text=Saved.")
    assert demo.api("GET", "/api/v1/agencies/BORROW") == rules


def test_every_fault_of_a_file_of_mappings_is_shown_at_once(demo, browser):
    page = plain(demo, browser)
    page.goto(demo.base + "/institutions/01BORROW_INST/mappings")
    page.fill("#csv", "mapping,code,value\nshoes,A,b\nitem_types,BOOK\n")
    page.click("button:has-text('Import mappings')")
    faults = page.locator("ul.note li")
    assert faults.count() == 2
    assert page.input_value("#csv").startswith("mapping,code,value")
    page.context.close()


def test_mappings_that_are_exported_can_be_imported(demo, admin):
    admin.goto(demo.base + "/institutions/01BORROW_INST/mappings")
    file = admin.request.get(demo.base + "/institutions/01BORROW_INST/mappings.csv").text()
    before = demo.api("GET", "/api/v1/institutions/01BORROW_INST")["settings"]
    admin.fill("#csv", file)
    admin.click("button:has-text('Import mappings')")
    admin.wait_for_selector("text=The mappings of the file are in use.")
    assert demo.api("GET", "/api/v1/institutions/01BORROW_INST")["settings"] == before


def code_of(secret, now):
    """The code that an authenticator app shows (RFC 6238)."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", now // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def test_new_user_gets_a_secret_once_and_changes_the_password(demo, admin, open_page):
    admin.goto(demo.base + "/users/new")
    admin.fill("#user-name", "new.person")
    admin.check("input[name=agencies][value=BORROW]")
    admin.click("main button.primary")
    password = admin.locator("dl.pairs dd").nth(1).inner_text()
    admin.click("text=I have kept it")
    admin.wait_for_selector("th:has-text('new.person')")
    page = open_page()
    page.goto(demo.base + "/sign-in")
    page.fill("#name", "new.person")
    page.fill("#password", password)
    page.click("main button")
    page.wait_for_url(lambda url: "/sign-in" not in url)
    page.goto(demo.base + "/account")
    page.fill("#current", password)
    page.fill("#new", "a much better password")
    page.fill("#repeated", "a much better password")
    page.click("text=Change password")
    page.wait_for_selector("text=Your password is changed.")
    secret = page.locator("input[name=secret]").get_attribute("value")
    page.fill("#code", code_of(secret, int(time.time())))
    page.fill("#totp-password", "a much better password")
    page.click("text=Set up code")
    page.wait_for_selector("text=From now on you sign in with a code of your app.")


def test_key_is_shown_once_and_revoked(demo, admin):
    admin.goto(demo.base + "/keys/new")
    admin.fill("#key-name", "pages-test")
    admin.select_option("#role", "monitoring")
    admin.click("main button.primary")
    assert len(admin.inner_text("dl.pairs dd")) > 20
    admin.click("text=I have kept it")
    admin.click("text=Revoke pages-test")
    admin.wait_for_selector("text=The key has ended.")


def test_policy_is_tried_before_it_is_saved(demo, admin):
    admin.goto(demo.base + "/policy")
    admin.click("text=Try on past requests")
    admin.wait_for_selector("h1:has-text('The policy on past requests')")
    admin.click("text=Go back and change")
    admin.wait_for_selector("#order-availability")


def test_audit_is_filtered_and_exported(demo, admin):
    admin.goto(demo.base + "/audit?object=institution")
    rows = admin.locator("table.data tbody tr")
    assert rows.count() > 0
    file = admin.request.get(demo.base + "/audit/acts.csv?object=institution")
    assert file.headers["content-type"].startswith("text/csv")
    assert file.text().startswith("time,actor,origin,act,object")


def token_of(page):
    return page.locator("input[name=csrf]").first.get_attribute("value")


def test_form_without_token_is_refused(demo, admin):
    answer = admin.request.post(demo.base + "/users/new", form={"user-name": "forged", "role": "read-only"})
    assert answer.status == 403
    assert "forged" not in admin.request.get(demo.base + "/users").text()


def test_reader_may_not_change_the_set_up(demo, sign_in):
    page = sign_in("reader")
    token = token_of(page)
    for path in ("/institutions/01BORROW_INST/check", "/users/new", "/keys/new", "/policy", "/pickup-locations/BORROW-MAIN/remove"):
        answer = page.request.post(demo.base + path, form={"csrf": token})
        assert answer.status == 403, (path, answer.status)
    for path in ("/users", "/keys", "/audit", "/institutions/new", "/agencies/new"):
        assert page.request.get(demo.base + path).status == 403, path


def test_set_up_of_another_library_is_missing(demo, sign_in):
    page = sign_in("borrower-admin")
    assert page.request.get(demo.base + "/institutions/01BORROW_INST").status == 200
    for path in (
        "/institutions/01LEND_INST", "/institutions/01LEND_INST/mappings", "/institutions/01LEND_INST/lists",
        "/institutions/01LEND_INST/webhook", "/agencies/LEND", "/keys/none/rotate",
    ):
        assert page.request.get(demo.base + path).status == 404, path
