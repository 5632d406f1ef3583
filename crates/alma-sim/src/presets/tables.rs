//! The code tables every institution has.

use crate::institution::CodeTable;

pub(crate) fn code_tables() -> Vec<CodeTable> {
    vec![
        CodeTable::new(
            "UserGroups",
            "User Groups",
            &[
                ("UNDRGRD", "Undergraduate"),
                ("GRAD", "Graduate"),
                ("FACULTY", "Faculty"),
                ("STAFF", "Staff"),
                ("GUEST", "Guest"),
                ("DCB", "Consortial borrower"),
            ],
        ),
        CodeTable::new(
            "PhysicalMaterialType",
            "Physical Material Type",
            &[
                ("BOOK", "Book"),
                ("ISSUE", "Issue"),
                ("DVD", "DVD"),
                ("CD", "Compact disc"),
                ("MAP", "Map"),
                ("SCORE", "Score"),
            ],
        ),
        CodeTable::new(
            "ItemPolicy",
            "Item Policy",
            &[
                ("4-WEEK", "Four weeks"),
                ("1-WEEK", "One week"),
                ("REF", "Reference only"),
                ("DCB", "Consortial loan"),
                ("DCB_NR", "Consortial loan, no renewal"),
            ],
        ),
        CodeTable::new(
            "PROCESSTYPE",
            "Process type",
            &[
                ("ACQ", "Acquisition"),
                ("CLAIM_RETURNED_LOAN", "Claimed Returned"),
                ("HOLDSHELF", "Hold Shelf"),
                ("ILL", "Resource Sharing Request"),
                ("LOAN", "Loan"),
                ("LOST_ILL", "Lost Resource Sharing Item"),
                ("LOST_LOAN", "Lost"),
                ("LOST_LOAN_AND_PAID", "Lost and paid"),
                ("MISSING", "Missing"),
                ("REQUESTED", "Requested"),
                ("TECHNICAL", "Technical - Migration"),
                ("TRANSIT", "Transit"),
                ("TRANSIT_TO_REMOTE_STORAGE", "Transit to remote storage"),
                ("WORK_ORDER_DEPARTMENT", "In Process"),
            ],
        ),
        CodeTable::new(
            "RequestCancellationReasons",
            "Request Cancellation Reasons",
            &[
                ("CancelledAtPatronRequest", "Cancelled at patron's request"),
                ("CannotBeFulfilled", "Cannot be fulfilled"),
                ("RequestSwitched", "Request switched"),
                ("PatronNotInterested", "Patron is not interested any more"),
                ("AdditionalReason01", "Consortial loan ended"),
            ],
        ),
        CodeTable::new(
            "UserIdentifierTypes",
            "User Identifier Types",
            &[
                ("BARCODE", "Barcode"),
                ("INST_ID", "Institution ID"),
                ("UNIV_ID", "University ID"),
                ("01", "Additional ID 1"),
                ("02", "Additional ID 2"),
            ],
        ),
        CodeTable::new(
            "UserBlockDescription",
            "User Block Description",
            &[
                ("02-GLOBAL", "Block all circulation"),
                ("01-CONSORTIA", "Consortial block"),
                ("03-ADDRESS", "Address unknown"),
            ],
        ),
        CodeTable::new(
            "UserBlockTypes",
            "User Block Types",
            &[("GENERAL", "General"), ("CASH", "Cash"), ("USER", "User"), ("DEMERIT", "Demerit")],
        ),
        CodeTable::new(
            "FineFeeTransactionType",
            "Fine/Fee Transaction Type",
            &[
                ("LOSTITEMREPLACEMENTFEE", "Lost item replacement fee"),
                ("LOSTITEMPROCESSFEE", "Lost item process fee"),
                ("OVERDUEFINE", "Overdue fine"),
                ("CARDRENEWAL", "Card renewal"),
                ("DAMAGEDITEMFINE", "Damaged item fine"),
                ("SERVICEFEE", "Service fee"),
                ("OTHER", "Other"),
            ],
        ),
        CodeTable::new(
            "WebhookEvents",
            "Webhook events",
            &[
                ("LOAN_CREATED", "Loan created"),
                ("LOAN_RETURNED", "Loan returned"),
                ("LOAN_RENEWED", "Loan renewed"),
                ("LOAN_DUE_DATE", "Loan due date changed"),
                ("LOAN_LOST", "Loan lost"),
                ("LOAN_CLAIMED_RETURNED", "Loan claimed returned"),
                ("REQUEST_CREATED", "Request created"),
                ("REQUEST_CANCELED", "Request canceled"),
                ("REQUEST_CLOSED", "Request closed"),
                ("REQUEST_PLACED_ON_SHELF", "Request placed on shelf"),
                ("ITEM_CREATED", "Item created"),
                ("ITEM_UPDATED", "Item updated"),
                ("ITEM_DELETED", "Item deleted"),
                ("BIB_CREATED", "BIB record created"),
                ("BIB_UPDATED", "BIB record updated"),
                ("BIB_DELETED", "BIB record deleted"),
            ],
        ),
        CodeTable::new(
            "RecordType",
            "Record type",
            &[("PUBLIC", "Public"), ("STAFF", "Staff"), ("CONTACT", "Contact")],
        ),
        CodeTable::new("AccountType", "Account type", &[("INTERNAL", "Internal"), ("EXTERNAL", "External")]),
        CodeTable::new("ContentStructureStatus", "Status", &[("ACTIVE", "Active"), ("INACTIVE", "Inactive")]),
        CodeTable::new("Languages", "Languages", &[("en", "English"), ("de", "German"), ("fr", "French")]),
    ]
}
