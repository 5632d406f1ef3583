//! The state that all handlers share.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use engine::Engine;
use lending::WaitLimits;
use tokio::sync::watch;

use crate::auth::{ApiKeys, Keys};
use crate::client::Proxies;
use crate::event_feed::EventFeed;
use crate::exclusive::Exclusive;
use crate::limits::{Limiters, RateLimits};
use crate::read_log::ReadLog;
use crate::views::Views;

/// The engine behind the API, and the keys of its callers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WebState(Arc<Parts>);

/// The parts of [`WebState`]. The layers around a handler copy the state several times in a call, so it is one pointer.
#[derive(Clone, Debug)]
pub struct Parts {
    pub(crate) engine: Arc<Engine>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) exclusive: Exclusive,
    pub(crate) body_time: Duration,
    pub(crate) cors_origins: Arc<[HeaderValue]>,
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) limiters: Arc<Limiters>,
    pub(crate) reads: ReadLog,
    pub(crate) views: Arc<Views>,
    pub(crate) events: EventFeed,
    pub(crate) index: Option<Arc<search::Index>>,
    pub(crate) catalogue: Option<catalogue::Catalogue>,
    pub(crate) availability: Option<Arc<availability::Availability>>,
    pub(crate) open_sru: bool,
    pub(crate) wait_limits: WaitLimits,
    stop: Option<watch::Receiver<bool>>,
}

impl Deref for WebState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// How long a body may take to arrive by default.
pub(crate) const USUAL_BODY_TIME: Duration = Duration::from_secs(10);

impl WebState {
    /// Creates the state of an API to `engine` for the holders of `keys`, and of the keys in the store.
    pub fn new(engine: Arc<Engine>, keys: ApiKeys) -> Self {
        Self(Arc::new(Parts {
            engine,
            keys: Arc::new(Keys::new(keys)),
            exclusive: Exclusive::default(),
            body_time: USUAL_BODY_TIME,
            cors_origins: Arc::default(),
            proxies: Arc::default(),
            limiters: Arc::default(),
            reads: ReadLog::default(),
            views: Arc::default(),
            events: EventFeed::default(),
            index: None,
            catalogue: None,
            availability: None,
            open_sru: false,
            wait_limits: WaitLimits::default(),
            stop: None,
        }))
    }

    /// Returns the parts, to change them while the state is built.
    fn parts(&mut self) -> &mut Parts {
        Arc::make_mut(&mut self.0)
    }

    /// Sets how long the body of a call may take to arrive. Default 10 seconds.
    #[must_use]
    pub fn with_body_time(mut self, body_time: Duration) -> Self {
        self.parts().body_time = body_time;
        self
    }

    /// Allows the pages of these origins, such as `https://discovery.example.org`, to call the API from a browser. Default
    /// none.
    #[must_use]
    pub fn with_cors_origins(mut self, origins: impl IntoIterator<Item = HeaderValue>) -> Self {
        self.parts().cors_origins = origins.into_iter().collect();
        self
    }

    /// Sets the proxies that are believed about the address of their client. Default none.
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.parts().proxies = Arc::new(proxies);
        self
    }

    /// Sets how many calls a caller may make. Default any number.
    #[must_use]
    pub fn with_limits(mut self, limits: RateLimits) -> Self {
        self.parts().limiters = Arc::new(Limiters::new(limits));
        self
    }

    /// Sets the search index of the shared catalogue. Default none: searches are answered by a problem.
    #[must_use]
    pub fn with_index(mut self, index: Arc<search::Index>) -> Self {
        self.parts().index = Some(index);
        self
    }

    /// Sets the database of the shared catalogue. Default none: harvests can't be asked for.
    #[must_use]
    pub fn with_catalogue(mut self, catalogue: catalogue::Catalogue) -> Self {
        self.parts().catalogue = Some(catalogue);
        self
    }

    /// Sets the live availability of copies. Default none: it can't be asked for.
    #[must_use]
    pub fn with_availability(mut self, availability: Arc<availability::Availability>) -> Self {
        self.parts().availability = Some(availability);
        self
    }

    /// Sets whether SRU is answered without a key. Default no.
    #[must_use]
    pub fn with_open_sru(mut self, open: bool) -> Self {
        self.parts().open_sru = open;
        self
    }

    /// Sets after how many days each wait of a request takes too long. Default 3, 7, 7, 0 and 7.
    #[must_use]
    pub fn with_wait_limits(mut self, limits: WaitLimits) -> Self {
        self.parts().wait_limits = limits;
        self
    }

    /// Ends all waits for changes when `stop` turns true: such calls are answered at once.
    #[must_use]
    pub fn stopped_by(mut self, stop: watch::Receiver<bool>) -> Self {
        self.parts().stop = Some(stop);
        self
    }

    /// Writes the reads of patron data that were not written yet, before the store is closed.
    pub async fn write_reads(&self) {
        self.reads.write(self.engine.store()).await;
    }

    /// Returns the output of `waiting`, or `None` if the hub stops before.
    pub(crate) async fn unless_stopped<T>(&self, waiting: impl Future<Output = T>) -> Option<T> {
        let stopped = async {
            if let Some(mut stop) = self.stop.clone() {
                let stopped = stop.wait_for(|stop| *stop).await.is_ok();
                if stopped {
                    return;
                }
            }
            // Nobody can stop the hub.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            done = waiting => Some(done),
            () = stopped => None,
        }
    }
}
