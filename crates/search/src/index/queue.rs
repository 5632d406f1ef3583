//! Limits the entries that wait for tantivy's indexing thread. Its own queue holds 10,000, which can take 100 MB.
//!
//! Tantivy doesn't report when its thread takes an entry. But it splits the id of each entry by the tokenizer that is
//! registered for ids, so that one counts.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tantivy::tokenizer::{RawTokenizer, Tokenizer};

/// The most entries that wait.
const MOST: usize = 500;
/// After this time without progress an entry is handed over anyway: tantivy reports what is wrong.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of entries that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(Arc<(Mutex<usize>, Condvar)>);

impl Queue {
    /// Counts an entry that is about to be handed over, when there is room for it.
    pub(super) fn enter(&self) {
        let (waiting, taken) = &*self.0;
        let mut waiting = waiting.lock();
        while *waiting >= MOST {
            if taken.wait_for(&mut waiting, PATIENCE).timed_out() {
                break;
            }
        }
        *waiting += 1;
    }

    /// Forgets all entries, after those that waited were thrown away.
    pub(super) fn clear(&self) {
        *self.0.0.lock() = 0;
        self.0.1.notify_all();
    }

    fn leave(&self) {
        let (waiting, taken) = &*self.0;
        let mut waiting = waiting.lock();
        *waiting = waiting.saturating_sub(1);
        taken.notify_one();
    }
}

/// The tokenizer of ids: an id is one token. It counts the entries that tantivy takes.
#[derive(Clone)]
pub(super) struct Ids {
    pub(super) queue: Queue,
    raw: RawTokenizer,
}

impl Ids {
    pub(super) fn new(queue: Queue) -> Self {
        Self { queue, raw: RawTokenizer::default() }
    }
}

impl Tokenizer for Ids {
    type TokenStream<'a> = <RawTokenizer as Tokenizer>::TokenStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Self::TokenStream<'a> {
        self.queue.leave();
        self.raw.token_stream(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_that_tantivy_takes_makes_room_for_another() {
        let queue = Queue::default();
        for _ in 0..MOST {
            queue.enter();
        }
        let taker = queue.clone();
        let taking = std::thread::spawn(move || {
            Ids::new(taker).token_stream("g1");
        });
        queue.enter();
        taking.join().unwrap();
        assert_eq!(*queue.0.0.lock(), MOST);
    }
}
