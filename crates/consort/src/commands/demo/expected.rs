//! The expected state of both Almas at each station: the lifecycle table of the requirements page.

/// The shown or expected state of a side: item, request, loan.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct SideState {
    /// Process type of the item, or "in place"; "-" if there is none.
    pub(crate) item: String,
    /// Status of the request, or "-".
    pub(crate) request: String,
    /// Status of the loan, or "-".
    pub(crate) loan: String,
}

impl SideState {
    fn new(item: &str, request: &str, loan: &str) -> Self {
        Self { item: item.to_owned(), request: request.to_owned(), loan: loan.to_owned() }
    }
}

/// One station: the statuses that a request passes, and the state of both sides when it has reached the last one.
pub(crate) struct Step {
    /// The actor and the action.
    pub(crate) act: &'static str,
    /// The statuses that follow, in order.
    pub(crate) passes: &'static [&'static str],
    /// The lender's side afterwards.
    pub(crate) lender: SideState,
    /// The borrower's side afterwards.
    pub(crate) borrower: SideState,
}

/// Returns the stations of a request, in order.
pub(crate) fn steps() -> Vec<Step> {
    vec![
        Step {
            act: "the patron asks for the book",
            passes: &[
                "SUBMITTED_TO_DCB",
                "PATRON_VERIFIED",
                "RESOLVED",
                "REQUEST_PLACED_AT_SUPPLYING_AGENCY",
                "CONFIRMED",
                "REQUEST_PLACED_AT_BORROWING_AGENCY",
            ],
            lender: SideState::new("in place", "NOT_STARTED", "-"),
            borrower: SideState::new("in place", "NOT_STARTED", "-"),
        },
        Step {
            act: "the lender scans it in, and it is sent",
            passes: &["PICKUP_TRANSIT"],
            lender: SideState::new("TRANSIT", "IN_PROCESS", "-"),
            borrower: SideState::new("TRANSIT", "IN_PROCESS", "-"),
        },
        Step {
            act: "the pickup library scans it in",
            passes: &["RECEIVED_AT_PICKUP", "READY_FOR_PICKUP"],
            lender: SideState::new("TRANSIT", "IN_PROCESS", "-"),
            borrower: SideState::new("HOLDSHELF", "ON_HOLD_SHELF", "-"),
        },
        Step {
            act: "the pickup library lends it",
            passes: &["LOANED"],
            lender: SideState::new("LOAN", "-", "ACTIVE"),
            borrower: SideState::new("LOAN", "-", "ACTIVE"),
        },
        Step {
            act: "the patron brings it back",
            passes: &["RETURN_TRANSIT"],
            lender: SideState::new("LOAN", "-", "ACTIVE"),
            borrower: SideState::new("TRANSIT", "-", "COMPLETE"),
        },
        Step {
            act: "the lender scans it in at home",
            passes: &["COMPLETED", "FINALISED"],
            lender: SideState::new("in place", "-", "COMPLETE"),
            borrower: SideState::new("-", "-", "COMPLETE"),
        },
    ]
}
