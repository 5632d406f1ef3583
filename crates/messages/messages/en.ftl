# The sentences that a patron reads. They name no person. Arguments:
#   $place  the name of the pickup location
#   $date   the day on which the loan ends

checking-account = Your library is checking your account.
searching = We are looking for a library that can lend you the item.
asked = A library has been asked to lend you the item.
queued = The item is lent to somebody else. You will get it when it comes back.
on-its-way = The item is on its way to { $place }.
delayed = The item is on its way to { $place }, and takes longer than usual.
arrived = The item has arrived at { $place }. Its staff are preparing it for you.
ready = The item is ready for you at { $place }.
missing-at-pickup = The item arrived at { $place } and can't be found there. Its staff are looking for it.
lent = You have the item. Please return it in time.
lent-until = You have the item. Please return it by { $date }.
renewed-until = Your loan has been renewed. Please return the item by { $date }.
renewal-refused = The loan can't be renewed. Please return the item in time.
renewal-refused-until = The loan can't be renewed. Please return the item by { $date }.
recalled = The library that owns the item needs it back. Please return it soon.
overdue = The item is overdue. Please return it now.
lost = The item is marked as lost. Please speak with the staff of { $place }.
claimed-returned = You have reported that you returned the item. The staff of { $place } are looking for it.
going-home = You have returned the item. Thank you.
no-library = No library can lend you the item now.
at-own-library = Your own library has the item and takes care of your request.
cancelled-by-patron = Your request is cancelled, as you wished.
cancelled = Your request is cancelled. Please ask your library if you don't know why.
no-longer-needed = The item could not come before the day until which you need it. Your request has ended.
ended-supplied = You had the item and have returned it. Your request has ended.
ended-not-collected = The item was not collected in time and is on its way back.
ended-lost = The item is lost. Please ask your library if you still need it.
ended = Your request has ended. Please ask your library if you still need the item.

# Reasons why the patron may not borrow.
account-unknown = Your library does not know this card. Please ask its staff.
account-inactive = Your library account is not active. Please ask your library's staff.
account-expired = Your library card has expired. Please have it renewed at your library.
account-blocked = Your library account is blocked. Please ask your library's staff.
account-cannot-borrow = Your library's record of you doesn't allow borrowing. Please ask its staff.
account-of-other-library = You belong to another library than the one that was chosen. Please choose yours.
account-without-library = Your library's record of you doesn't show which library you belong to. Please ask its staff.
account-loan-limit = You have as many loans as your library allows. Please return one, then request this item once more.
account-request-limit = You have as many requests at your library as it allows. Please try again when one has ended.
account-overdue = You have overdue items. Please return or renew them, then request this item once more.
account-fees = You have unpaid fees at your library. Please pay them, then request this item once more.
account-type-unknown = Your library can't take the request for you yet. Please ask its staff.
too-many-requests = You have as many requests under way as your library allows. Please try again when one has ended.
requested-already = You have requested this item already.
choose-another-place = Please choose another place to collect the item.

# Faults of a request.
give-your-card = Please sign in or give your library card's number.
item-not-lent = This item can't be borrowed from another library at the moment.
title-not-in-catalogue = This title is not in the catalogue any more. Please search for it again.
item-at-your-library = Your own library has this item; please request it there.
library-does-not-borrow = Your library doesn't borrow from other libraries at the moment.
choose-a-later-date = Please choose a later date.
account-not-checked = Your library can't be asked at the moment. You can place the request all the same.
ask-staff = Your library could not take the request. Please ask its staff.
