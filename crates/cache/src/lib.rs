//! A map whose entries expire by the caller's clock, so that tests and the simulation can step over the time
//! (docs/decisions/0021-caches-on-the-injected-clock.md).

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

/// The number of entries at which a cache is emptied before it takes another. Each lost entry costs one read.
const MOST_ENTRIES: usize = 100_000;

/// A map whose entries expire. The caller passes the time with every call.
pub struct Cache<K, V> {
    ttl: SignedDuration,
    inner: Mutex<Inner<K, V>>,
}

struct Inner<K, V> {
    entries: HashMap<K, Entry<V>>,
    generation: Generation,
}

struct Entry<V> {
    value: V,
    at: Timestamp,
}

/// The number of times a cache has been cleared. [`Cache::insert_read`] compares it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Generation(u64);

impl<K: Eq + Hash, V> Cache<K, V> {
    /// Creates an empty cache whose entries live for `ttl`.
    pub fn new(ttl: SignedDuration) -> Self {
        let (entries, generation) = (HashMap::new(), Generation::default());
        Self { ttl, inner: Mutex::new(Inner { entries, generation }) }
    }

    /// Returns the value under `key` if it hasn't expired.
    pub fn get<Q>(&self, key: &Q, now: Timestamp) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        self.get_within(key, self.ttl, now)
    }

    /// Returns the value under `key` if it is younger than `age`.
    pub fn get_within<Q>(&self, key: &Q, age: SignedDuration, now: Timestamp) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        let inner = self.inner.lock();
        let entry = inner.entries.get(key)?;
        is_fresh(entry.at, age, now).then(|| entry.value.clone())
    }

    /// Returns whether there is a value under `key` that hasn't expired.
    pub fn contains<Q>(&self, key: &Q, now: Timestamp) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.inner.lock().entries.get(key).is_some_and(|entry| is_fresh(entry.at, self.ttl, now))
    }

    /// Renews the entry under `key` for another `ttl` if it hasn't expired and `keep`, which may change the value,
    /// agrees. Returns whether it was renewed.
    pub fn renew_if<Q>(&self, key: &Q, now: Timestamp, keep: impl FnOnce(&mut V) -> bool) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut inner = self.inner.lock();
        let Some(entry) = inner.entries.get_mut(key) else { return false };
        let renewed = is_fresh(entry.at, self.ttl, now) && keep(&mut entry.value);
        if renewed {
            entry.at = now;
        }
        renewed
    }

    /// Stores a value.
    pub fn insert(&self, key: K, value: V, now: Timestamp) {
        self.inner.lock().insert(key, Entry { value, at: now });
    }

    /// Stores a value that was read after `generation`, unless the cache has been cleared meanwhile: the read may have
    /// been too early to see the change.
    pub fn insert_read(&self, generation: Generation, key: K, value: V, now: Timestamp) {
        let mut inner = self.inner.lock();
        if inner.generation == generation {
            inner.insert(key, Entry { value, at: now });
        }
    }

    /// Returns the generation for [`Cache::insert_read`]. Callers must take it before the read.
    pub fn generation(&self) -> Generation {
        self.inner.lock().generation
    }

    /// Removes the entry under `key`. Returns whether there was one.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.remove_if(key, |_| true)
    }

    /// Removes the entry under `key` if `is_such` accepts its value. Returns whether it did.
    pub fn remove_if<Q>(&self, key: &Q, is_such: impl FnOnce(&V) -> bool) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut inner = self.inner.lock();
        let found = inner.entries.get(key).is_some_and(|entry| is_such(&entry.value));
        if found {
            inner.entries.remove(key);
        }
        found
    }

    /// Removes everything, and rejects values that are being read at this moment.
    pub fn clear(&self) {
        let mut inner = self.inner.lock();
        inner.entries.clear();
        inner.generation.0 += 1;
    }
}

impl<K: Eq + Hash, V> Inner<K, V> {
    fn insert(&mut self, key: K, entry: Entry<V>) {
        if self.entries.len() >= MOST_ENTRIES {
            self.entries.clear();
        }
        self.entries.insert(key, entry);
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    // The output omits the entries, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// Returns whether a value of the time `at` is younger than `age`. A clock that was set back makes it no younger.
pub fn is_fresh(at: Timestamp, age: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(at).abs() < age
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn cache() -> Cache<String, u32> {
        Cache::new(SignedDuration::from_secs(30))
    }

    #[test]
    fn entry_expires_on_the_callers_clock_in_either_direction() {
        let cache = cache();
        cache.insert("a".to_owned(), 1, at(100));
        assert_eq!([70, 71, 129, 130].map(|now| cache.get("a", at(now))), [None, Some(1), Some(1), None]);
        assert_eq!(cache.get_within("a", SignedDuration::from_secs(20), at(120)), None);
    }

    #[test]
    fn renewed_entry_lives_on_and_an_expired_or_unwanted_one_is_not_renewed() {
        let cache = cache();
        cache.insert("a".to_owned(), 1, at(100));
        assert!(cache.renew_if("a", at(120), |value| {
            *value += 1;
            true
        }));
        assert_eq!(cache.get("a", at(149)), Some(2));
        assert!(!cache.renew_if("a", at(149), |_| false) && !cache.renew_if("a", at(150), |_| true));
    }

    #[test]
    fn value_read_before_the_cache_was_cleared_is_not_remembered() {
        let cache = cache();
        let generation = cache.generation();
        cache.clear();
        cache.insert_read(generation, "a".to_owned(), 1, at(100));
        assert_eq!(cache.get("a", at(100)), None);
        cache.insert_read(cache.generation(), "a".to_owned(), 2, at(100));
        assert_eq!(cache.get("a", at(100)), Some(2));
    }

    #[test]
    fn full_cache_is_emptied_before_the_next_entry() {
        let cache = Cache::new(SignedDuration::from_secs(30));
        for key in 0..=MOST_ENTRIES {
            cache.insert(key, (), at(0));
        }
        assert!(!cache.remove(&0) && cache.remove(&MOST_ENTRIES));
    }

    #[test]
    fn entry_is_removed_once_and_only_where_its_value_is_such() {
        let cache = cache();
        cache.insert("a".to_owned(), 1, at(0));
        assert!(!cache.remove_if("a", |value| *value == 2));
        assert!(cache.remove_if("a", |value| *value == 1) && !cache.remove("a"));
    }
}
