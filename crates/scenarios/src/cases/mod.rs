//! The scenarios, by subject.

mod cancelling;
mod closures;
mod gateways;
mod lost_replies;
mod on_the_way;
mod ordinary;
mod others;
mod outages;
mod patrons;
mod process_types;
mod queues;
mod resupplying;
mod skipped_scans;
mod staff_acts;
mod titles;
mod unreadable;
mod volumes;
mod while_out;
mod workflows;

use futures::future::BoxFuture;

use crate::failure::Result;
use crate::stage::Stage;

/// Plays a scenario to its end on a fresh stage, which [`Stage::introduce`] has set up.
pub type ScenarioFn = for<'a> fn(&'a mut Stage) -> BoxFuture<'a, Result<()>>;

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name, for `--scenario`.
    pub name: &'static str,
    /// The course of events, in one sentence.
    pub title: &'static str,
    /// Whether it waits so long that the host must be able to move the hub's clock.
    pub moves_time: bool,
    /// Plays it.
    pub play: ScenarioFn,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Scenario {
    const fn new(name: &'static str, title: &'static str, play: ScenarioFn) -> Self {
        Self { name, title, moves_time: false, play }
    }

    const fn moving_time(mut self) -> Self {
        self.moves_time = true;
        self
    }
}

/// Every scenario, the ordinary ones first.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    all.extend(ordinary::LIST);
    all.extend(cancelling::LIST);
    all.extend(closures::LIST);
    all.extend(while_out::LIST);
    all.extend(others::LIST);
    all.extend(on_the_way::LIST);
    all.extend(workflows::LIST);
    all.extend(staff_acts::LIST);
    all.extend(resupplying::LIST);
    all.extend(volumes::LIST);
    all.extend(titles::LIST);
    all.extend(patrons::LIST);
    all.extend(queues::LIST);
    all.extend(skipped_scans::LIST);
    all.extend(lost_replies::LIST);
    all.extend(outages::LIST);
    all.extend(gateways::LIST);
    all.extend(process_types::LIST);
    all.extend(unreadable::LIST);
    all
}

/// The scenario of a name, one of [`all`].
pub fn find(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_a_command_line() {
        let mut names: Vec<&str> = all().iter().map(|scenario| scenario.name).collect();
        let count = names.len();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn titles_are_sentences() {
        for scenario in all() {
            assert!(scenario.title.ends_with('.') && scenario.title.len() > 20, "{}", scenario.name);
        }
    }
}
