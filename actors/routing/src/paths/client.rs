//! What the parts of the actor share: settings, state, and the work under way.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use starling_contracts::routing::Error;
use starling_kernel::{Context, Entropy};
use starling_protocol::crypto::ed25519::PublicKey;

use super::{
    config::PathsConfig,
    exchange::Exchange,
    first_hop::GuardLine,
    metrics,
    reaction::{Blame, Event, Then, react},
    saved::{FILE_NAME, Saved, fingerprint},
    selection::Rules,
    single_flight::SingleFlight,
    state::{State, Terms, Trip},
    supply::Supply,
    topology::Shunned,
};
use crate::config::{FirstHop, Network};

/// How long a guard that did not answer leads no path, unless it answers before.
const GUARD_RESTS: Duration = Duration::from_secs(30);

/// One incarnation of the client.
pub(super) struct Client {
    pub(super) ctx: Context,
    pub(super) config: PathsConfig,
    pub(super) network: Network,
    pub(super) exchange: Exchange,
    pub(super) state: RefCell<State>,
    pub(super) file: PathBuf,
    pub(super) fingerprint: PublicKey,
    pub(super) jobs: Jobs,
}

/// Work that must not run twice at a time.
#[derive(Default)]
pub(super) struct Jobs {
    /// Fetching the node list from seeds.
    pub(super) supply: SingleFlight<Result<Supply, Error>>,
    /// Measuring the network's time for the first time.
    pub(super) clock: SingleFlight<Result<(), Error>>,
    /// Building one path; true when there was one to build.
    pub(super) build: SingleFlight<bool>,
    pub(super) is_building: Cell<bool>,
    pub(super) is_refreshing: Cell<bool>,
    pub(super) is_saving: Cell<bool>,
    /// The state as it is on disk.
    pub(super) saved_revision: Cell<u64>,
    /// When seeds last told a list.
    pub(super) supplied_at: Cell<Option<Duration>>,
    /// When the last refresh began.
    pub(super) refreshed_at: Cell<Option<Duration>>,
}

/// Which nodes may do what, and how many there should be.
fn terms(config: &PathsConfig, network: &Network, first_hop: FirstHop) -> Terms {
    Terms {
        rules: Rules { first_hop, subnet_diversity: network.subnet_diversity },
        kept: config.kept,
        forget_dropped_after: config.forget_dropped_after,
        min_pool: network.min_pool,
    }
}

impl Client {
    pub(super) fn new(
        ctx: Context,
        config: PathsConfig,
        network: Network,
        first_hop: FirstHop,
        folder: &std::path::Path,
        saved: Option<Saved>,
    ) -> Rc<Self> {
        let state = State::new(terms(&config, &network, first_hop), saved, ctx.clock().elapsed());
        let line = GuardLine::new(ctx.clone(), first_hop);
        Rc::new(Self {
            exchange: Exchange::new(ctx.clone(), config.clone(), line),
            state: RefCell::new(state),
            file: folder.join(FILE_NAME),
            fingerprint: fingerprint(&network),
            jobs: Jobs::default(),
            ctx,
            config,
            network,
        })
    }

    pub(super) fn now(&self) -> Duration {
        self.ctx.clock().elapsed()
    }

    pub(super) fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(self.ctx.entropy())
    }

    /// The way for a request, out of what is known now.
    pub(super) fn choose(&self, destination: Option<PublicKey>, shunned: &Shunned) -> Option<Trip> {
        self.state.borrow().choose(destination, shunned, self.now(), &*self.entropy())
    }

    /// Draws the consequences of how a try ended; what the request does next.
    pub(super) fn settle(self: &Rc<Self>, trip: &Trip, event: &Event) -> Then {
        let (blame, then) = react(event);
        metrics::tried(event);
        metrics::blamed(event, blame);
        let guard = trip.guard().ed25519;
        if *event == Event::GuardUnreachable {
            self.suspect(guard);
        } else {
            self.heard(&guard);
            self.blame(event, blame, trip);
        }
        self.keep_up();
        then
    }

    /// A guard cannot be reached; it is asked again in the background when it leads a standing path.
    pub(super) fn suspect(self: &Rc<Self>, guard: PublicKey) {
        let is_leading = {
            let mut state = self.state.borrow_mut();
            let is_watched = state.is_resting(&guard, self.now());
            state.suspect(guard, self.now() + GUARD_RESTS);
            state.is_leading(&guard) && !is_watched
        };
        if is_leading {
            let client = Rc::clone(self);
            self.ctx.spawn(async move { client.watch_guard(guard).await });
        }
    }

    /// A guard answered.
    pub(super) fn heard(&self, guard: &PublicKey) {
        let struck = self.state.borrow_mut().heard(guard, self.now(), &*self.entropy());
        metrics::suspects_struck(struck);
    }

    fn blame(&self, event: &Event, blame: Blame, trip: &Trip) {
        self.state.borrow_mut().apply(event, blame, trip, self.now(), &*self.entropy());
    }
}
