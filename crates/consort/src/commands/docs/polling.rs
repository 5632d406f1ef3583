//! Generates docs/polling.md from the tables of `lending`.

use std::fmt::Write as _;
use std::time::Duration;

use lending::{ChangeKind, PollCase, PollSettings, large_list, list_factors};

const HEAD: &str = "\
# Poll intervals

This page is printed by `consort docs polling` from the code, and a test holds it to the code. To change it, change
`crates/lending/src/poll_interval.rs` and print it again: `cargo run -- docs polling > docs/polling.md`.

A poll reads one side of one request. A batch poll reads a list that shows many requests. Both find what no webhook message has
reported. The intervals below are those of the default settings. A setting with another value changes every row that starts from it.

";

/// Returns the whole page.
pub(super) fn markdown() -> String {
    let (mut page, settings) = (HEAD.to_owned(), PollSettings::default());
    page.push_str(
        "## Polls of one side\n\nThe first poll comes after the first interval. Each poll that shows nothing new multiplies the \
         interval by the growth, up to the longest one.\nA poll comes up to a fiftieth earlier, so that requests that changed \
         together are not polled together forever, and not before the library opens.\n\n\
         | what reports a change | first | growth | longest | settings (`engine.`) | factor |\n|---|---|---|---|---|---|\n",
    );
    for case in PollCase::ALL {
        let (interval, (names, factor)) = (case.interval(&settings), case.settings());
        let names = if names == "fixed" { names.to_owned() } else { format!("`{}`", names.replace(", ", "`, `")) };
        let (first, longest) = (words(interval.initial), words(interval.max));
        let _ =
            writeln!(page, "| {} | {first} | {} | {longest} | {names} | {factor} |", case.describe(), interval.growth);
    }
    let _ = write!(
        page,
        "\n## Batch polls\n\nThe interval between two reads of a list is the shortest interval (`engine.batch_poll_interval_ms`, {} by \
         default), multiplied by one factor of each table.\n\n| the list shows that | factor |\n|---|---|\n",
        words(settings.batch)
    );
    for kind in ChangeKind::ALL {
        let _ = writeln!(page, "| {} | {} |", kind.describe(), kind.interval_factor());
    }
    page.push_str("\n| webhook and quiet time | factor |\n|---|---|\n");
    for (when, factor) in list_factors() {
        let _ = writeln!(page, "| {when} | {factor} |");
    }
    let _ = write!(
        page,
        "\nA list with more than {} entries is read less often: the interval is multiplied by the number of such parts that it has. \
         The interval is never longer than the one for which the institution has calls to spare: by default reading lists may use \
         4 % of the day's calls (`batch_poll_percent`), evenly over the opening hours. The setting `lost_message_detection_minutes` \
         fixes that time instead. Neither applies to lists that show only unusual changes. All nodes read a list at the same moments of a fixed grid, with an offset for each institution.\n",
        large_list()
    );
    page
}

/// Returns a time in its largest whole unit.
fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        seconds if seconds.is_multiple_of(86_400) => (seconds / 86_400, "day"),
        seconds if seconds.is_multiple_of(3_600) => (seconds / 3_600, "hour"),
        seconds if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_in_the_repository_is_what_the_code_says() {
        let page = include_str!("../../../../../docs/polling.md");
        assert!(page == markdown(), "print it again: cargo run -- docs polling > docs/polling.md");
    }

    #[test]
    fn every_row_of_the_tables_is_on_the_page() {
        let page = markdown();
        for case in PollCase::ALL {
            assert!(page.contains(case.describe()), "{case:?}");
        }
        for kind in ChangeKind::ALL {
            assert!(page.contains(&format!("| {} | {} |", kind.describe(), kind.interval_factor())), "{kind:?}");
        }
    }
}
