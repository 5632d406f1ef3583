"""The desk of the hub, as its users see it: on the demo, in a browser."""

import pytest

from conftest import PASSWORD, accessibility_faults, sticks_out

PHONE = {"width": 320, "height": 700}


@pytest.fixture(scope="session")
def waiting(demo):
    """A request that waits at the lender."""
    return demo.place(2)


def test_first_page_leads_to_sign_in_and_back_to_the_wanted_page(demo, open_page):
    page = open_page()
    page.goto(demo.base + "/borrowing?view=loan")
    assert "/sign-in?next=" in page.url
    page.fill("#name", "borrower")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(demo.base + "/borrowing?view=loan")


def test_wrong_password_is_refused_in_words_and_keeps_the_name(demo, browser):
    # The browser itself reports the status 422 in its console.
    page = browser.new_context().new_page()
    page.goto(demo.base + "/sign-in")
    page.fill("#name", "borrower")
    page.fill("#password", "not the password")
    page.click("main button")
    assert "Name, password or code is wrong." in page.inner_text("[role=alert]")
    assert page.input_value("#name") == "borrower"
    page.context.close()


def test_session_ends_with_signing_out(demo, sign_in):
    page = sign_in("borrower")
    page.click(".account summary")
    page.click(".account >> text=Sign out")
    page.wait_for_url(lambda url: "/sign-in" in url)
    page.goto(demo.base + "/borrowing")
    assert "/sign-in" in page.url


def test_request_page_changes_while_it_is_read(demo, sign_in, waiting):
    page = sign_in("borrower")
    page.goto(f"{demo.base}/requests/{waiting}")
    assert "Waiting at lender" in page.inner_text(".facts")
    barcode = page.inner_text("section.side .code >> nth=0")
    demo.scan_in("lender", barcode, "MAIN")
    page.wait_for_selector(".facts >> text=In transit")


def test_request_is_found_by_its_barcode(demo, sign_in, waiting):
    page = sign_in("borrower")
    page.keyboard.press("/")
    page.keyboard.type("01LEND-M002")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/requests/{waiting}")


def test_cancellation_says_beforehand_what_it_does(demo, sign_in):
    request = demo.place(3)
    page = sign_in("borrower")
    page.goto(f"{demo.base}/requests/{request}")
    page.click("text=More actions")
    page.click("text=Cancel request…")
    assert "Cancel the hold and remove the virtual item" in page.inner_text(".preview")
    page.fill("#reason", "The patron asked at the desk.")
    page.click("button.danger")
    page.wait_for_url(f"**/requests/{request}")
    page.wait_for_selector(".timeline >> text=The request was cancelled")


def test_change_by_somebody_else_is_shown_before_an_action(demo, browser, sign_in):
    request = demo.place(4)
    page = sign_in("borrower")
    page.goto(f"{demo.base}/requests/{request}/action?action=cancel")
    demo.api("POST", f"/api/v1/requests/{request}/poll")
    demo.api("DELETE", f"/api/v1/requests/{request}?by=staff")
    answer = page.request.post(
        f"{demo.base}/requests/{request}/action",
        form={"csrf": page.input_value("main [name=csrf]"), "action": "cancel", "tag": page.input_value("[name=tag]")},
    )
    assert answer.status in (409, 412), answer.status


def test_reader_sees_requests_and_changes_nothing(demo, sign_in, waiting):
    page = sign_in("reader")
    page.goto(f"{demo.base}/requests/{waiting}")
    assert page.locator("main form").count() == 0
    assert "jo.reader" not in page.content()


def test_request_of_other_libraries_does_not_exist(demo, sign_in):
    page = sign_in("lender")
    answer = page.request.get(f"{demo.base}/requests/01a23005-7ad0-7922-b2d7-71fcb8a65692")
    assert answer.status == 404
    assert "There is nothing here" in answer.text()


def test_form_of_another_site_is_refused(demo, sign_in):
    page = sign_in("borrower")
    answer = page.request.post(demo.base + "/sign-out", form={"csrf": "made up"})
    assert answer.status == 403
    page.goto(demo.base + "/borrowing")
    assert page.url.endswith("/borrowing")


@pytest.mark.parametrize("path", ["/lending", "/borrowing", "/borrowing?view=shelf", "REQUEST", "ACTION"])
@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_page_is_accessible_on_a_phone_and_on_a_desk(demo, sign_in, waiting, path, locale):
    path = {"REQUEST": f"/requests/{waiting}", "ACTION": f"/requests/{waiting}/action?action=end"}.get(path, path)
    page = sign_in("borrower", locale=locale)
    for size, scheme in (({"width": 1280, "height": 900}, "light"), (PHONE, "dark")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        page.goto(demo.base + path)
        assert accessibility_faults(page) == []
        assert sticks_out(page) <= 0
        assert page.get_attribute("html", "lang") == locale[:2]


def test_desk_works_without_scripts(demo, sign_in, waiting):
    page = sign_in("borrower", java_script_enabled=False)
    page.goto(demo.base + "/borrowing")
    page.click("table.rows tbody th a >> nth=0")
    assert page.locator("h1").inner_text()
