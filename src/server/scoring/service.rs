//! What is shared by all requests: the run that answers now, its successor when a tag moves, counters, the log.
//! It does not know routes.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
    time::Duration,
};

use serde_json::json;
use tokio::{sync::Semaphore, task, time};

use super::{loaded::Loaded, log::Log, metrics::Metrics};
use crate::{
    app::{AppError, Project, bundle},
    base::hash::RunId,
    stage::work::Work,
};

/// Rows of a run that a server looks at by itself to learn what they look like; more would take long, and much memory.
const MOST_LEARNT: u64 = 1_000_000;

/// Which run answers.
pub enum Source {
    /// A run of a project, by hash, tag or `latest`; the newest with a classifier if none is named.
    Run {
        /// The project.
        project: Project,
        /// The run.
        run: Option<String>,
        /// Which champion.
        stage: Option<String>,
    },
    /// A bundle.
    Bundle(PathBuf),
}

/// How much is let in.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// How long a request may take, its body's arrival included.
    pub time: Duration,
    /// Requests at a time; further ones are told to come again.
    pub queue: usize,
}

/// All that requests share.
pub struct Service {
    current: RwLock<Arc<Loaded>>,
    source: Source,
    /// What is lent to small requests: the thread that they are on.
    pub alone: Work,
    /// What is lent to large ones.
    pub together: Work,
    /// What is counted.
    pub metrics: Metrics,
    /// Who is told what happens.
    pub log: Log,
    /// How much is let in.
    pub limits: Limits,
    /// Places for requests.
    pub queue: Semaphore,
    /// The hash of the token, if one is needed: hashes are compared in constant time.
    pub token: Option<blake3::Hash>,
}

impl Source {
    fn load(&self, needs_token: bool) -> Result<Loaded, AppError> {
        let (scorer, sight) = match self {
            Source::Run { project, run, stage } => {
                (project.scorer(run.as_deref(), stage.as_deref())?, None)
            }
            Source::Bundle(path) => bundle::load(path)?,
        };
        let loaded = Loaded::new(scorer, needs_token)?;
        if let Some(sight) = sight {
            loaded.watching.begin(sight);
        }
        Ok(loaded)
    }

    /// Learns what the own rows of a run look like.
    fn learn(&self, loaded: &Loaded) -> Result<(), String> {
        let Source::Run { project, .. } = self else {
            return Err("the bundle does not say what the run's own rows look like".to_string());
        };
        match project.sight(&loaded.scorer, MOST_LEARNT, &Work::alone(1)) {
            Ok(Some(sight)) => loaded.watching.begin(sight),
            Ok(None) => {
                return Err(format!(
                    "the run has more than {MOST_LEARNT} rows, which would take long to look at; a bundle of it, served \
                     with --bundle, says what they look like"
                ));
            }
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    /// Returns the run that is meant now, if it can become another one.
    fn meant(&self) -> Result<Option<RunId>, AppError> {
        match self {
            Source::Run { project, run: Some(run), .. } => {
                Ok(Some(project.store()?.find_run(run)?))
            }
            _ => Ok(None),
        }
    }
}

impl Service {
    /// Loads the run.
    ///
    /// # Errors
    /// If it is unknown or cannot be served.
    pub fn new(
        source: Source,
        work: Work,
        limits: Limits,
        token: Option<&str>,
        log: Log,
    ) -> Result<Service, AppError> {
        let current = RwLock::new(Arc::new(source.load(token.is_some())?));
        Ok(Service {
            current,
            source,
            alone: Work::alone(1),
            together: work,
            metrics: Metrics::default(),
            log,
            limits,
            queue: Semaphore::new(limits.queue),
            token: token.map(|token| blake3::hash(token.as_bytes())),
        })
    }

    /// Returns the run that answers now.
    pub fn current(&self) -> Arc<Loaded> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the log that something happened.
    pub fn tell(&self, event: &str, run: &str, error: Option<String>) {
        let line = json!({ "event": event, "run": run, "error": error });
        if !self.log.line(line.to_string()) {
            self.metrics.lost_lines.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Looks every now and then whether another run is meant, and switches to it. What cannot be loaded changes nothing.
    pub async fn follow(self: Arc<Service>) {
        const EVERY: Duration = Duration::from_millis(500);
        let mut refused = None;
        loop {
            self.clone().learn();
            time::sleep(EVERY).await;
            let service = self.clone();
            let looked = task::spawn_blocking(move || {
                service.current().watching.count(&service.alone);
                service.look(refused)
            });
            refused = looked.await.unwrap_or(refused);
        }
    }

    /// Lets a thread of its own, which nobody waits for, learn what the own rows of the run look like.
    fn learn(self: Arc<Service>) {
        let loaded = self.current();
        if !loaded.watching.is_to_be_learnt() {
            return;
        }
        let learn = move || {
            if let Err(why) = self.source.learn(&loaded) {
                self.tell("drift-not-watched", &loaded.run, Some(why));
            }
        };
        // Without a thread to be had there is no drift to be told, and answers all the same.
        let _ = std::thread::Builder::new().name("drift".to_string()).spawn(learn);
    }

    /// Switches if another run is meant; returns the one that was meant and could not be loaded.
    fn look(&self, refused: Option<RunId>) -> Option<RunId> {
        let meant = match self.source.meant() {
            Ok(Some(meant)) => meant,
            // A tag that was taken away, or a store that cannot be read just now.
            Ok(None) | Err(_) => return refused,
        };
        if meant == self.current().scorer.run || refused == Some(meant) {
            return refused.filter(|refused| *refused == meant);
        }
        match self.source.load(self.token.is_some()) {
            Ok(loaded) => {
                let run = loaded.run.clone();
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                self.metrics.switches.fetch_add(1, Ordering::Relaxed);
                self.tell("switched", &run, None);
                None
            }
            Err(error) => {
                self.metrics.failed_switches.fetch_add(1, Ordering::Relaxed);
                self.tell("switch-failed", &meant.to_hex(), Some(error.to_string()));
                Some(meant)
            }
        }
    }
}
