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


def test_whole_loan_from_search_to_home_takes_few_clicks_and_scans(demo, sign_in):
    """Borrower and lender work at the desk; each scan is also made in the library's own Alma, as staff do."""
    borrower, lender = sign_in("borrower"), sign_in("lender")
    acts = []

    def click(page, selector):
        acts.append(selector)
        page.click(selector)

    def scan(page, side, barcode, order):
        acts.append(f"scan {barcode}")
        page.goto(demo.base + "/scan")
        page.fill("#barcode", barcode)
        page.keyboard.press("Enter")
        page.wait_for_selector(f"#answer .say >> text={order}")
        demo.scan_in(side, barcode, "MAIN")

    borrower.goto(demo.base + "/search")
    borrower.fill("#q", demo.title(5))
    borrower.keyboard.press("Enter")
    click(borrower, "article.hit >> text=Place for a patron")
    borrower.fill("#card", "jo.reader")
    click(borrower, "text=Check patron and copies")
    borrower.wait_for_selector("text=The patron may borrow")
    click(borrower, "text=Place request for patron")
    borrower.wait_for_selector(".facts >> text=Waiting at lender")
    request = borrower.url.rsplit("/", 1)[1]
    barcode = borrower.inner_text("section.side .code >> nth=0")

    scan(lender, "lender", barcode, "Send it to")
    # The book travels for days; here it must not arrive before the hub has noted that it was sent.
    borrower.wait_for_selector(".timeline >> text=The virtual item was sent into transit")
    scan(borrower, "borrower", barcode, "Put it on the hold shelf.")
    borrower.goto(f"{demo.base}/requests/{request}")
    borrower.wait_for_selector(".facts >> text=On hold shelf")
    demo.lend("borrower", barcode, "jo.reader", "MAIN")
    borrower.wait_for_selector(".facts >> text=On loan")
    scan(borrower, "borrower", barcode, "Send it home")
    lender.goto(f"{demo.base}/requests/{request}")
    lender.wait_for_selector(".facts >> text=Returning")
    scan(lender, "lender", barcode, "Put it back in its place.")
    borrower.goto(f"{demo.base}/requests/{request}")
    borrower.wait_for_selector(".facts >> text=Closed")
    assert len(acts) <= 12, acts


def test_dashboard_counts_the_work_and_leads_to_it(demo, sign_in, waiting):
    page = sign_in("lender")
    assert page.url.endswith("/dashboard")
    demo.place(6)
    page.wait_for_selector('.queue:has-text("Pick from shelf") b:text-matches("^[1-9]")')
    page.click(".queue >> text=Pick from shelf")
    assert page.locator("table.rows tbody tr").count() >= 1
    assert "Pick from shelf" in page.inner_text(".chips")


def test_unknown_barcode_is_said_at_the_scan_station(demo, sign_in):
    page = sign_in("borrower")
    page.goto(demo.base + "/scan")
    page.keyboard.type("NOBODYS-BOOK")
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer .say >> text=Handle it in Alma.")
    assert page.input_value("#barcode") == ""
    assert page.evaluate("document.activeElement.id") == "barcode"


def test_patron_who_may_not_borrow_is_refused_before_placing(demo, sign_in):
    page = sign_in("borrower")
    page.goto(demo.base + "/search?q=" + demo.title(7).split()[0])
    page.click("article.hit >> nth=0 >> text=Place for a patron")
    page.fill("#card", "nobody-at-all")
    page.click("text=Check patron and copies")
    page.wait_for_selector("text=The patron may not borrow")
    assert page.locator("text=Place request for patron").count() == 0
    assert page.input_value("#card") == "nobody-at-all"


def test_walk_up_patron_gets_the_book_at_once(demo, sign_in):
    page = sign_in("lender")
    page.goto(demo.base + "/walk-up")
    page.fill("#barcode", "01LEND-M008")
    page.select_option("#agency", "BORROW")
    page.fill("#card", "jo.reader")
    page.click("text=Lend book to patron")
    page.wait_for_url("**/requests/*")
    page.wait_for_selector(".facts >> text=On loan")


def test_message_reaches_the_other_library(demo, sign_in):
    request = demo.place(9)
    page = sign_in("borrower")
    page.goto(f"{demo.base}/requests/{request}")
    page.fill("#say", "Please send it in the blue bag.")
    page.click("text=Send message")
    page.wait_for_selector(".message.ours >> text=blue bag")
    other = sign_in("lender")
    other.goto(f"{demo.base}/requests/{request}")
    assert "blue bag" in other.inner_text(".message:not(.ours)")


def test_pull_slip_has_place_and_barcode(demo, sign_in):
    demo.place(10)
    page = sign_in("lender")
    page.goto(demo.base + "/slips")
    slip = page.locator(".slip", has_text="01LEND-M010")
    assert slip.locator("svg.bars path").count() == 1
    assert "Borrowing College" in slip.inner_text()
    page.emulate_media(media="print")
    assert not page.is_visible(".appbar")


@pytest.mark.parametrize("path", ["/dashboard", "/scan", "/cases", "/slips", "/search?q=the", "/walk-up"])
def test_work_page_is_accessible_on_a_phone_and_on_a_desk(demo, sign_in, waiting, path):
    page = sign_in("borrower")
    for size, scheme in (({"width": 1280, "height": 900}, "light"), (PHONE, "dark")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        page.goto(demo.base + path)
        assert accessibility_faults(page) == []
        assert sticks_out(page) <= 0


def test_list_is_exported_with_every_row(demo, sign_in, waiting):
    page = sign_in("lender")
    page.goto(demo.base + "/lending")
    rows = page.locator("table.rows tbody tr").count()
    link = page.get_attribute("text=Export as CSV", "href")
    answer = page.request.get(demo.base + link)
    assert answer.headers["content-disposition"] == 'attachment; filename="lending.csv"'
    lines = answer.text().splitlines()
    assert len(lines) == rows + 1
    assert lines[0].startswith("Request id,Placed,")
