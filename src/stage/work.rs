//! What running code is lent: threads, a way to say how far it is, a way to learn that it should stop.
//! It does not know who listens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{base::pool::Pool, stage::shared::Shared};

/// A flag that asks running work to stop at its next chance. Cloning shares the flag.
#[derive(Clone, Debug)]
pub struct Cancel {
    flags: Vec<Arc<AtomicBool>>,
    deadline: Option<Instant>,
}

impl Default for Cancel {
    fn default() -> Cancel {
        Cancel::new()
    }
}

impl Cancel {
    /// Makes a flag that nobody has raised.
    pub fn new() -> Cancel {
        Cancel { flags: vec![Arc::default()], deadline: None }
    }

    /// Makes a flag that is also raised when this one is, or after `timeout`.
    pub fn child(&self, timeout: Option<Duration>) -> Cancel {
        let mut flags = vec![Arc::default()];
        flags.extend(self.flags.iter().cloned());
        let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
        Cancel { flags, deadline: deadline.or(self.deadline) }
    }

    /// Asks everything that holds this flag, or a child of it, to stop.
    pub fn cancel(&self) {
        if let Some(own) = self.flags.first() {
            own.store(true, Ordering::Release);
        }
    }

    /// Returns true once [`Cancel::cancel`] was called here or above, or the time is over.
    pub fn is_cancelled(&self) -> bool {
        self.flags.iter().any(|f| f.load(Ordering::Acquire)) || self.is_late()
    }

    /// Returns true once the time is over.
    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|d| Instant::now() >= d)
    }
}

/// Counters that a running stage moves and a terminal reads. Cloning shares the counters.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Sets how many units (rows, trees, iterations: the stage's own) there are in all.
    pub fn set_total(&self, total: u64) {
        self.0.total.store(total, Ordering::Relaxed);
    }

    /// Adds finished units.
    pub fn advance(&self, units: u64) {
        self.0.done.fetch_add(units, Ordering::Relaxed);
    }

    /// Starts counting anew, for another try.
    pub fn reset(&self) {
        self.0.done.store(0, Ordering::Relaxed);
        self.0.total.store(0, Ordering::Relaxed);
    }

    /// Returns `(done, total)`; a total of 0 means not known.
    pub fn read(&self) -> (u64, u64) {
        (self.0.done.load(Ordering::Relaxed), self.0.total.load(Ordering::Relaxed))
    }
}

/// All together, passed down to whatever takes long.
#[derive(Clone, Debug)]
pub struct Work {
    /// The shared threads.
    pub pool: Pool,
    /// Whether to stop.
    pub cancel: Cancel,
    /// How far we are.
    pub progress: Progress,
    /// What other stages of the run compute alike.
    pub shared: Shared,
}

/// The work was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

impl Work {
    /// Puts a handle together that nobody listens to.
    pub fn new(pool: Pool, cancel: Cancel) -> Work {
        Work { pool, cancel, progress: Progress::default(), shared: Shared::default() }
    }

    /// Makes a handle of its own with `n_threads` threads, for tests and one-off computations.
    pub fn alone(n_threads: usize) -> Work {
        Work::new(Pool::new(n_threads), Cancel::new())
    }

    /// Returns the same work for a part whose own progress nobody counts.
    pub fn quiet(&self) -> Work {
        Work { progress: Progress::default(), ..self.clone() }
    }

    /// Returns an error once the work should stop; call it at every natural pause.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.cancel.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}
