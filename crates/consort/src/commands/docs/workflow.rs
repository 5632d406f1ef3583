//! Generates docs/workflow.md from the tables of `lending`.

use std::fmt::Write as _;

use lending::{Closure, ClosureResponse, Condition, Effect, Side, Status, Workflow, response_to_closure, transitions};

use super::diagram;

const HEAD: &str = "\
# The workflow of a patron request

This page is printed by `consort docs workflow` from the code, and a test holds it to the code. To change it, change
`crates/lending` and print it again: `cargo run -- docs workflow > docs/workflow.md`, and with `--form svg` for
`docs/workflow.svg`.

A request's status moves along the table below as far as the known facts allow. A late observation implies the earlier
ones, so one poll can cause several transitions. There is no error status: what a request waits for is shown beside its
status as `attention`.

![Diagram of the statuses](workflow.svg)

";

/// Returns the whole page.
pub(super) fn markdown() -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, "Transitions", "The first row that holds for a status is taken.");
    transition_table(&mut page);
    section(
        &mut page,
        "Endings of a hold",
        "What each closure of our hold means, by side and status. Alma shows none of these closures: which it was is \
         reported by a webhook, or inferred from hold, item and loan together and marked so. At the pickup side of a \
         pickup-anywhere request the borrower's answers hold.",
    );
    for side in [Side::Lender, Side::Borrower] {
        endings_table(&mut page, side);
    }
    section(&mut page, "Conditions", "Shown beside the status; none of them ends the following of a request.");
    for condition in Condition::ALL {
        let _ = writeln!(page, "- `{}`: {}", condition.name(), meaning(condition));
    }
    section(&mut page, "Workflows", "Which is known as soon as a copy is chosen.");
    for workflow in Workflow::ALL {
        let sides: Vec<&str> = workflow.virtual_sides().iter().map(|side| side.name()).collect();
        let virtual_items = if sides.is_empty() { "nowhere".to_owned() } else { format!("at {}", sides.join(" and ")) };
        let _ = writeln!(page, "- `{}`: {}. Virtual items: {virtual_items}.", workflow.name(), parts(workflow));
    }
    section(&mut page, "Effects", "What the hub does in the libraries' systems; at most one of a request at a time.");
    for effect in Effect::ALL {
        let _ = writeln!(page, "- `{}`", effect.name());
    }
    section(&mut page, "Diagram", "The same as text.");
    let _ = write!(page, "```mermaid\n{}```\n", diagram::mermaid());
    page
}

fn section(page: &mut String, title: &str, text: &str) {
    let _ = write!(page, "\n## {title}\n\n{text}\n\n");
}

fn transition_table(page: &mut String) {
    page.push_str("| From | To | When |\n|---|---|---|\n");
    let rows: Vec<_> = transitions().collect();
    for status in Status::ALL {
        for row in rows.iter().filter(|row| row.from == status) {
            let _ = writeln!(page, "| {} | {} | {} |", row.from, row.to, row.reason);
        }
    }
}

fn endings_table(page: &mut String, side: Side) {
    let statuses: Vec<Status> = Status::ALL
        .into_iter()
        .filter(|status| {
            Closure::ALL.iter().any(|closure| response_to_closure(side, *closure, *status) != ClosureResponse::Nothing)
        })
        .collect();
    let _ = write!(page, "### At the {}\n\n| Status |", side.name());
    for closure in Closure::ALL {
        let _ = write!(page, " {} |", closure.name());
    }
    page.push_str("\n|---|");
    page.push_str(&"---|".repeat(Closure::ALL.len()));
    page.push('\n');
    for status in statuses {
        let _ = write!(page, "| {status} |");
        for closure in Closure::ALL {
            let _ = write!(page, " {} |", in_words(response_to_closure(side, closure, status)));
        }
        page.push('\n');
    }
    page.push('\n');
}

fn in_words(answer: ClosureResponse) -> String {
    match answer {
        ClosureResponse::Nothing => "nothing".to_owned(),
        ClosureResponse::NextSupplier => "next lender".to_owned(),
        ClosureResponse::Continue => "goes on, out of sequence".to_owned(),
        ClosureResponse::Cancel => "CANCELLED".to_owned(),
        ClosureResponse::ReturnToLender(outcome) => format!("RETURN_TRANSIT, {}", outcome.name()),
        ClosureResponse::RetryHold => "placed once more, then staff".to_owned(),
        ClosureResponse::AskStaff => "staff decide".to_owned(),
    }
}

fn meaning(condition: Condition) -> &'static str {
    match condition {
        Condition::Overdue => "the due date has passed at the borrower or the lender",
        Condition::Recalled => "the lender wants the item back: it is recalled, or somebody else waits for it",
        Condition::Renewed => "the patron has renewed the loan",
        Condition::RenewalRefused => "the patron renewed, the lender refused, and the due date was put back",
        Condition::Lost => "the item is marked lost on either side",
        Condition::ClaimedReturned => "the patron says that it was returned; the library hasn't got it",
        Condition::MissingInTransit => "it has been under way for longer than the agency's rules allow",
        Condition::MissingAtPickup => "the pickup library has marked it as missing after its arrival",
        Condition::PickupChangedByStaff => {
            "the library's staff have given the patron's hold another pickup library in their own system"
        }
        Condition::OutOfSequence => "something was done in another order than the workflow knows",
        Condition::LeftToStaff => "the hub left a virtual record that the library uses to the library's staff",
    }
}

fn parts(workflow: Workflow) -> &'static str {
    match workflow {
        Workflow::Standard => "a lender, and a borrower at which the patron also collects",
        Workflow::Local => "all in one library system; the hub places the hold and hands over",
        Workflow::PickupAnywhere => "lender, borrower and pickup library are three",
        Workflow::OwnItemElsewhere => "the item is the patron's own library's and is collected elsewhere",
        Workflow::Expedited => "the patron takes the item from the lender's desk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_in_the_repository_is_what_the_code_says() {
        let page = include_str!("../../../../../docs/workflow.md");
        assert!(page == markdown(), "print it again: cargo run -- docs workflow > docs/workflow.md");
    }

    #[test]
    fn diagram_in_the_repository_is_what_the_code_says() {
        let svg = include_str!("../../../../../docs/workflow.svg");
        assert!(svg == diagram::svg(), "print it again: cargo run -- docs workflow --form svg > docs/workflow.svg");
    }

    #[test]
    fn every_status_and_every_transition_is_on_the_page() {
        let page = markdown();
        for row in transitions() {
            assert!(page.contains(&format!("| {} | {} | {} |", row.from, row.to, row.reason)));
        }
        for status in Status::ALL {
            assert!(page.contains(status.name()), "{status}");
        }
    }
}
