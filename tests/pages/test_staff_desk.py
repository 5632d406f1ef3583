"""The simulated Alma's staff desk, used as a person uses it."""

from playwright.sync_api import expect

from conftest import INST, KEY, URL, alma, sim

BOOK, OTHER = "01PAG-M001", "01PAG-M002"


def row(page, text):
    return page.locator("#rows tr", has_text=text)


def told(page):
    return page.locator("#told")


def list_of(page, name):
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator("nav a[aria-current=page]")).to_have_text(name)


def scan(page, barcode):
    page.get_by_label("Barcode").fill(barcode)
    page.keyboard.press("Enter")


def pids(barcode):
    item = sim("GET", f"{INST}/items/{barcode}")
    return f"/bibs/{item['mms_id']}/holdings/{item['holding_id']}/items/{item['pid']}"


def place_hold(pickup="BRANCH"):
    body = {"request_type": "HOLD", "pickup_location_type": "LIBRARY", "pickup_location_library": pickup}
    status, placed = alma("POST", f"{pids(BOOK)}/requests?user_id=jo.reader", body)
    assert status == 200, placed
    return placed["request_id"]


def test_a_scan_at_a_desk_changes_item_and_request_as_shown(desk):
    request = place_hold()
    expect(row(desk, BOOK)).to_contain_text("Item in place")
    desk.get_by_label("Library").select_option("MAIN")
    scan(desk, BOOK)
    expect(told(desk)).to_contain_text("Branch Library")
    expect(row(desk, BOOK)).to_contain_text("to Branch Library")
    list_of(desk, "Requests")
    expect(row(desk, request)).to_contain_text("IN_PROCESS")
    desk.get_by_label("Library").select_option("BRANCH")
    scan(desk, BOOK)
    expect(row(desk, request)).to_contain_text("ON_HOLD_SHELF")
    assert alma("GET", f"/users/jo.reader/requests/{request}")[1]["request_status"] == "ON_HOLD_SHELF"
    assert not desk.complaints


def test_a_refusal_is_shown_in_almas_words(desk):
    scan(desk, "NO-SUCH-BARCODE")
    expect(told(desk)).to_have_text("401689: No items found for barcode NO-SUCH-BARCODE.")
    expect(told(desk)).to_have_attribute("data-how", "refused")
    desk.get_by_label("Barcode").fill(BOOK)
    desk.get_by_label("User").fill("expired.reader")
    desk.get_by_role("button", name="Lend").click()
    expect(told(desk)).to_contain_text("401168: ")


def test_the_keyboard_is_enough(desk):
    expect(desk.get_by_label("Barcode")).to_be_focused()
    desk.keyboard.type(BOOK)
    desk.keyboard.press("Enter")
    expect(told(desk)).to_contain_text(f"{BOOK} scanned in")
    expect(desk.get_by_label("Barcode")).to_be_focused()
    desk.keyboard.type(OTHER)
    desk.keyboard.press("Tab")
    desk.keyboard.press("Tab")
    desk.keyboard.type("jo.reader")
    desk.keyboard.press("Enter")
    expect(told(desk)).to_contain_text(f"{OTHER} lent to jo.reader")


def test_a_block_is_added_and_taken_away(desk):
    list_of(desk, "Users")
    desk.get_by_label("Block to add").select_option("01-CONSORTIA")
    row(desk, "sam.student").get_by_role("button", name="Block sam.student", exact=True).click()
    expect(row(desk, "sam.student")).to_contain_text("Consortial block")
    block = alma("GET", "/users/sam.student")[1]["user_block"][0]
    assert (block["block_description"]["value"], block["block_status"]) == ("01-CONSORTIA", "ACTIVE")
    row(desk, "sam.student").get_by_role("button", name="Unblock sam.student").click()
    expect(row(desk, "sam.student")).not_to_contain_text("Consortial block")
    assert alma("GET", "/users/sam.student")[1]["user_block"] == []


def test_the_call_log_shows_a_call_made_meanwhile_and_no_key(desk):
    list_of(desk, "Calls")
    alma("GET", f"/users/not.there?apikey={KEY}&view=brief")
    expect(desk.locator("#rows tr").first).to_contain_text("GET /users/not.there?view=brief")
    expect(desk.locator("#rows tr").first).to_contain_text("400 401861")
    assert KEY not in desk.content()


def test_a_script_in_a_title_is_text(desk):
    title = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    sim("POST", f"{INST}/bibs", {"title": title, "barcode": "EVIL-1", "library": "MAIN", "location": "stacks"})
    desk.get_by_label("Search").fill("evil-1")
    expect(row(desk, "EVIL-1")).to_contain_text("onerror=")
    assert desk.locator("#rows script, #rows img").count() == 0
    assert desk.title() != "owned"
    scan(desk, "<b>no</b>")
    expect(told(desk)).to_contain_text("<b>no</b>")


def test_library_and_desk_are_kept(desk):
    desk.get_by_label("Library").select_option("MAIN")
    desk.get_by_label("Desk or department").select_option(label="Cataloguing (department)")
    desk.reload()
    expect(desk.get_by_label("Library")).to_have_value("MAIN")
    expect(desk.get_by_label("Desk or department")).to_have_value("department:CATALOGING")
    scan(desk, BOOK)
    expect(told(desk)).to_contain_text("Manage Locally")
    expect(row(desk, BOOK)).to_contain_text("In Process")


def test_a_loan_becomes_overdue_and_ends_with_its_return(desk):
    desk.get_by_label("Library").select_option("MAIN")
    desk.get_by_label("Barcode").fill(BOOK)
    desk.get_by_label("User").fill("jo.reader")
    desk.get_by_role("button", name="Lend").click()
    list_of(desk, "Loans")
    expect(row(desk, BOOK)).to_contain_text("jo.reader")
    for _ in range(5):
        with desk.expect_response("**/sim/clock"):
            desk.get_by_role("button", name="+ 1 week").click()
    expect(row(desk, BOOK)).to_contain_text("overdue")
    row(desk, BOOK).get_by_role("button", name="Return").click()
    expect(row(desk, BOOK)).to_have_count(0)
    assert alma("GET", "/users/jo.reader/loans")[1]["total_record_count"] == 0


def test_marks_go_only_where_the_items_state_allows(desk):
    desk.get_by_label("Barcode").fill(BOOK)
    desk.get_by_label("Mark the item as").select_option("missing")
    desk.get_by_role("button", name="Mark", exact=True).click()
    expect(row(desk, BOOK)).to_contain_text("Missing")
    desk.get_by_label("Mark the item as").select_option("lost")
    desk.get_by_role("button", name="Mark", exact=True).click()
    expect(told(desk)).to_contain_text("MISSING cannot be marked")
    desk.get_by_label("Mark the item as").select_option("found")
    desk.get_by_role("button", name="Mark", exact=True).click()
    expect(row(desk, BOOK)).to_contain_text("Item in place")


def test_a_request_is_cancelled_with_a_reason(desk):
    request = place_hold()
    list_of(desk, "Requests")
    desk.get_by_label("Reason to cancel").select_option("CannotBeFulfilled")
    row(desk, request).get_by_role("button", name="Cancel").click()
    expect(told(desk)).to_contain_text("cancelled")
    expect(row(desk, request)).to_have_count(0)
    assert alma("GET", f"/users/jo.reader/requests/{request}")[0] == 400


def test_long_lists_come_in_pages(desk):
    for number in range(60):
        at = {"barcode": f"LONG-{number:02}", "library": "MAIN", "location": "stacks"}
        sim("POST", f"{INST}/bibs", {"title": f"Volume {number}", **at})
    desk.get_by_label("Search").fill("long-")
    expect(desk.locator("#range")).to_have_text("1–50 of 60")
    desk.get_by_role("button", name="Next").click()
    expect(desk.locator("#range")).to_have_text("51–60 of 60")
    expect(desk.locator("#rows tr")).to_have_count(10)
    expect(desk.get_by_role("button", name="Next")).to_be_disabled()


def test_the_start_page_leads_to_every_desk(page):
    page.goto(f"{URL}/sim")
    page.get_by_role("link", name=INST).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(INST)
    expect(page.get_by_label("Barcode")).to_be_focused()
    assert page.goto(f"{URL}/sim/desk/NOWHERE").status == 404


def test_every_control_has_a_name(desk):
    place_hold()
    for name in ["Items", "Requests", "Loans", "Users", "Calls"]:
        list_of(desk, name)
        nameless = desk.evaluate("""() => [...document.querySelectorAll('input, select, button')]
            .filter(each => !each.labels?.length && !each.getAttribute('aria-label') && !each.textContent.trim())
            .map(each => each.outerHTML)""")
        assert nameless == []


def test_a_narrow_screen_needs_no_sideways_scrolling(desk):
    place_hold()
    desk.set_viewport_size({"width": 390, "height": 844})
    for name in ["Items", "Requests", "Loans", "Users", "Calls"]:
        list_of(desk, name)
        assert desk.evaluate("document.scrollingElement.scrollWidth") <= 390, name
