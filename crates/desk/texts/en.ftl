# The frame of each page
brand = Consort, first page
skip = Skip to content
menu = Menu
agency = Agency
all-agencies = All my agencies
find = Find a request, barcode or title
find-short = Request, barcode or title
account-menu = , account menu
theme-dark = Use dark colours
theme-light = Use light colours
sign-out = Sign out
nav-main = Main
nav-work = Work
nav-lending = Lending
nav-borrowing = Borrowing
as-of = As of { $time }
changed-show = Something has changed. Show changes
go-back = Go back without a change
to-first-page = To the first page

# Signing in
sign-in = Sign in
sign-in-title = Sign in to the desk
sign-in-local = Local account
account-name = Account name
password = Password
password-repeated = Password, once more
totp = Code from your authenticator app
totp-help = Only if you have set one up.
sign-in-wrong = Name, password or code is wrong.
sign-in-wait = There were too many wrong attempts. You can try again in { $seconds ->
    [one] one second
   *[other] { $seconds } seconds
 }.
sign-in-wrong-wait = Name, password or code is wrong. You can try again in { $seconds ->
    [one] one second
   *[other] { $seconds } seconds
 }.
sign-in-program = This account belongs to a program. It has no pages.
first-run = Make the first account
first-run-why = This hub has no accounts yet. The first one runs the consortium and makes all others.
first-run-code = One-time code
first-run-code-help = The hub prints it in its log when it starts.
first-run-wrong-code = This is not the code of this hub. Each start of the hub makes a new one.
first-run-name-help = Timelines show it as the one who acted. Letters, digits and the signs . _ : -
first-run-bad-name = Use 1 to 64 letters, digits and the signs . _ : -
first-run-password-help = At least { $shortest } characters.
first-run-bad-password = The password needs at least { $shortest } characters.
first-run-differs = The two passwords differ.
first-run-make = Make the account

# Failures
error-foreign-form = This form was not sent from the desk
error-foreign-form-detail = Your session may have ended, or another site sent the form. Nothing was changed. Open the page once more.
error-unreadable-form = This form can't be read
error-unreadable-form-detail = Nothing was changed. Open the page once more.
error-missing = There is nothing here
error-missing-detail = The page doesn't exist, or it belongs to another library.
error-forbidden = You may not do this
error-refused = This was refused
error-internal = The hub can't show this page now
error-internal-detail = Nothing was changed. Try again in a minute. The hub's log says why.

# Lists
lending-what = Items of your libraries that others asked for
borrowing-what = Items that your patrons asked for
views = Views
view-open = All open
view-decide = Decision needed
view-waiting = Waiting at the lender
view-transit = In transit
view-shelf = On the hold shelf
view-loan = On loan
view-returning = Returning
filter = Filter
filter-title = Title contains
apply-filters = Apply filters
filtered-by = Filtered by
chip-title = Title contains “{ $title }”
chip-remove = Remove filter
sort = Order
sort-newest = Newest first
sort-oldest = Oldest first
sort-changed = Changed last first
sort-unchanged = Longest unchanged first
sort-title = Title
rows-total = { $count ->
    [one] One request
   *[other] { $count } requests
 }
nothing-to-do = Nothing to do
nothing-to-do-why = Requests appear here as soon as there are any.
nothing-found = Nothing found
nothing-found-why = Try fewer words, or another view.
col-request = Request
col-title = Title, volume and place
col-to = To
col-from = From
col-status = Status
col-since = Since
pages = Pages
page-first = First page
page-next = Next page
keys-rows = next, previous row
keys-open = open request
keys-find = find

# A request
request-number = Request { $number }
title-unknown = Title not known yet
placed = Placed
needed-until = Needed by { $day }
more-actions = More actions
what-should-happen = What should happen?
this-will = This will
undo-possible = The last action can be taken back until the hub has sent it to a library.
undo-until-sent = You can undo this until the hub has sent it to a library.
undo-never = You can't undo this.
since = Since { $time }
next-try = next try { $time }
damage = Damage: { $words }
sides-title = What each library's system says now
side-lender = Lender
side-borrower = Borrower
side-pickup = Pickup
fact-item = Item
fact-virtual-item = Virtual item
fact-hold = Hold
fact-loan = Loan
fact-barcode = Barcode
fact-patron = Patron
fact-pickup-code = Hold shelf code
fact-pickup = Pickup library
fact-agency = Patron's library
fact-card = Library card
fact-place = Where the item is
fact-refusal = Why it failed
fact-cancelled = Cancelled by
fact-id = Request id
timeline = Timeline
timeline-what = All sides, newest first
about-request = About this request
why-this-copy = Why this copy
left-out = Left out
earlier-lenders = Earlier lenders
col-copy = Copy
col-reason = Result
changed-meanwhile = The request has changed since you opened this page. Go back, look at it, and decide anew.
reason = Reason
reason-help = The timeline shows it to all libraries of this request. Do not name the patron.
new-pickup = New pickup library
damage-what = What is damaged
settle-how = How is the loss settled?
settle-paid = It was paid for
settle-written-off = It is written off
party-item = Item
party-patron = Patron

# Status
status-decision-needed = Decision needed
status-SUBMITTED_TO_DCB = Placed
status-PATRON_VERIFIED = Patron checked
status-RESOLVED = Copy chosen
status-REQUEST_PLACED_AT_SUPPLYING_AGENCY = Lender asked
status-CONFIRMED = Waiting at lender
status-REQUEST_PLACED_AT_BORROWING_AGENCY = Waiting at lender
status-REQUEST_PLACED_AT_PICKUP_AGENCY = Waiting at lender
status-PICKUP_TRANSIT = In transit
status-RECEIVED_AT_PICKUP = Received
status-READY_FOR_PICKUP = On hold shelf
status-LOANED = On loan
status-RETURN_TRANSIT = Returning
status-COMPLETED = Completed
status-CANCELLED = Cancelled
status-NOT_SUPPLIED_CURRENT_SUPPLIER = Next lender
status-NO_ITEMS_SELECTABLE_AT_ANY_AGENCY = No copy left
status-HANDED_OFF_AS_LOCAL = Handed to own library
status-FINALISED = Closed
condition-overdue = Overdue
condition-recalled = Recalled
condition-renewal_refused = Renewal refused
condition-lost = Lost
condition-claimed_returned = Claimed returned
condition-missing_in_transit = Missing in transit
condition-missing_at_pickup = Missing at the pickup library
condition-out_of_sequence = Out of order
condition-left_to_staff = Left to staff
item-in_place = In place
item-requested = Requested
item-in_transit = In transit
item-on_hold_shelf = On the hold shelf
item-on_loan = On loan
item-lost = Lost
item-claimed_returned = Claimed returned
item-missing = Missing
item-unavailable = Not available
item-absent = Not in the system
item-not-made = Not made yet
hold-none = None
hold-not_started = Waits for staff
hold-in_process = In process
hold-on_hold_shelf = On the hold shelf
hold-gone = Gone
hold-closed-as = Closed: { $closure }
loan-none = None
loan-returned = Returned
loan-open = On loan
loan-until = On loan until { $day }
waits-for-lending_library = Next: the lending library
waits-for-pickup_library = Next: the pickup library
waits-for-patron = Next: the patron
waits-for-lender_system = The lender's system does not answer
waits-for-borrower_system = The borrower's system does not answer
waits-for-pickup_system = The pickup library's system does not answer

# Actions
action-poll = Ask the libraries now
action-resume = Try again
action-cancel = Cancel request
action-next_supplier = Ask next lender
action-choose_supplier = Choose another lender
action-change_pickup = Change pickup library
action-report_found = Report item as found
action-report_damage = Report damage
action-settle_loss = Settle loss
action-end = End request by hand
action-undo = Undo last action
will-resume-lender = Repeat what was refused, if it was refused here
will-resume-borrower = Repeat what was refused, if it was refused here
will-resume-patron = No notice
will-cancel-lender = Cancel the hold on the copy, without a letter
will-cancel-borrower = Cancel the hold and remove the virtual item
will-cancel-patron = The request ends; no letter from the lender
will-next_supplier-lender = Cancel the hold on this copy, and ask the next lender
will-next_supplier-borrower = Keep the patron's hold
will-next_supplier-patron = No notice
will-change_pickup-borrower = Move the hold to the new pickup library
will-change_pickup-lender = Name the new pickup library in the hold's comment
will-change_pickup-patron = No notice until the item is on the new shelf
will-report_found-lender = Follow the item again from where it is
will-report_damage-lender = Note the damage on the request; nothing changes in Alma
will-settle_loss-lender = Close the case of the lost item
will-settle_loss-patron = The request ends
will-undo-lender = Take back what was not sent yet

# Events of the timeline
event-placed = The request was placed
event-patron_verified = The patron may borrow
event-patron_refused = The patron may not borrow
event-copies_found = Copies were found
event-supplier_chosen = A copy was chosen
event-candidate_unfit = A copy can't be lent
event-virtual_patron_ready = The virtual patron is ready
event-hold_placed = The hold was placed
event-virtual_bib_created = The suppressed record was made
event-virtual_holding_created = Its holding was made
event-virtual_item_ready = The virtual item is ready
event-pickup_changed = The pickup library was changed
event-sent_into_transit = The virtual item was sent into transit
event-lent = The item was lent
event-renewed = The loan was renewed
event-due_date_limited = The due date was brought down to the lender's
event-due_date_raised = The due date was extended
event-renewal_denied = The renewal was denied
event-hold_cancelled = The hold was cancelled
event-hold_cancelled_after_dispatch = The hold was cancelled after the item was sent
event-checked_in = The loan was closed
event-virtual_item_deleted = The virtual item was removed
event-virtual_bib_deleted = The suppressed record was removed
event-effect_dropped = A step was no longer needed
event-effect_refused = The library's system refused
event-effect_delayed = The library's system did not answer; Consort tries again
event-poll_failed = The library's system could not be asked
event-deadline_passed = A deadline has passed
event-observed = The library's system showed a change
event-cancel_requested = The request was cancelled
event-next_supplier_requested = Another lender was wanted
event-pickup_change_requested = Another pickup library was wanted
event-resume_requested = It was tried again
event-item_found = The item was found
event-damage_reported = Damage was reported
event-loss_settled = The loss was settled
event-end_requested = The request was ended by hand
event-undo_requested = The last action was taken back

# Search, and requests for patrons
nav-search = Search and place
nav-walk-up = Walk-up
catalogue = Catalogue
search-what = Title, author or ISBN
search-now = Search catalogue
facets = Narrow results
facet-format = Format
facet-language = Language
facet-library = Library
titles-total = { $count ->
    [one] One title
   *[other] { $count } titles
 }
did-you-mean = Search for “{ $words }”
show-copies = Show copies
choose-title = Place for a patron
page-previous = Previous page
copy-available = On shelf
copy-lent = On loan
copy-lent-until = On loan until { $day }
copy-not-lendable = Not lendable
copy-unknown = No answer now
no-copies = No copies
place-title = Place a request for a patron
patrons-card = Patron's card
pick-up-at = Pick up at
wanted-volume = Volume
wanted-volume-help = Only for a title in several volumes, such as v.3.
needed-by = Needed by
show-terms = Check patron and copies
place-now = Place request for patron
terms = What the patron can expect
terms-may-borrow = The patron may borrow.
terms-may-borrow-as = The patron may borrow, as { $kind }.
terms-may-not-borrow = The patron may not borrow.
terms-unknown = The patron's library does not answer now.
terms-others = { $count ->
    [one] and one more copy
   *[other] and { $count } more copies
 }
terms-ready = Ready
terms-days = { $count ->
    [one] after about one day
   *[other] after about { $count } days
 }
days = { $count ->
    [one] one day
   *[other] { $count } days
 }
terms-loan = Loan
terms-cost = Cost
terms-free = Free
walk-up-what = A patron of another library is here with one of your books
walk-up-barcode = Barcode of the book
walk-up-desk = Your desk
walk-up-will = Consort checks the patron at their own library, and lends the book at once.
walk-up-now = Lend book to patron
walk-up-no-desk = Your library has no desk for patrons of others
walk-up-no-desk-why = An administrator adds it as a pickup location.

# Slips
nav-slips = Slips
slips-kinds = Kinds of slips
slips-pull = Pull slips
slips-transit = Transit slips
slips-band = Bookbands
slips-shelf = Hold shelf list
slips-count = { $count ->
    [one] One to print
   *[other] { $count } to print
 }
slips-more = These are the oldest 200. Print them, then open this page once more.
slips-none-why = A slip appears here when a request needs one.
slip-place = Place
slip-return-to = Return to
slip-for = For
print = Print
