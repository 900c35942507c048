//! What executions are doing now: told while one goes on, and heard by whoever asks. It does not show it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    app::{AppError, Project, run::timestamp},
    engine::{
        event::{Event, State},
        plan::Plan,
    },
    stage::work::Progress,
    store::live::{Line, News, Teller},
};

/// How often it is told how far stages are.
const PACE: Duration = Duration::from_millis(250);

/// Tells in the store what an execution does, from its first stage at work on, until it is dropped. All methods may be
/// called from any thread.
pub struct Telling<'a> {
    project: &'a Project,
    start: (Instant, SystemTime),
    /// `None` until something runs.
    begun: Mutex<Option<Begun>>,
}

struct Begun {
    desk: Arc<Desk>,
    pacer: Option<JoinHandle<()>>,
}

/// What those that tell share.
struct Desk {
    /// `None` where the store takes no news.
    teller: Option<Teller>,
    start: Instant,
    running: Mutex<Running>,
    over: Condvar,
}

#[derive(Default)]
struct Running {
    /// Each instance at work, and how far it was when that was last told.
    stages: BTreeMap<String, (Progress, (u64, u64))>,
    is_over: bool,
}

impl<'a> Telling<'a> {
    /// Makes one that has told nothing.
    pub fn new(project: &'a Project) -> Telling<'a> {
        let start = (Instant::now(), SystemTime::now());
        Telling { project, start, begun: Mutex::new(None) }
    }

    /// Tells an event.
    pub fn on_event(&self, plan: &Plan, event: &Event<'_>) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { name, progress, .. } => {
                let desk = &begun.get_or_insert_with(|| self.begin(plan)).desk;
                desk.running().stages.insert(name.to_string(), (progress.clone(), (0, 0)));
                desk.tell(News::Started { stage: name.to_string() });
            }
            Event::Finished { report } => {
                let Some(Begun { desk, .. }) = begun.as_ref() else { return };
                desk.running().stages.remove(&report.name);
                // What nobody could doubt to be in place is no news.
                if report.state != State::Cached || report.early_cutoff || report.joined {
                    desk.tell(News::Ended {
                        stage: report.name.clone(),
                        state: report.state.word().to_string(),
                        seconds: report.seconds,
                        error: report.error.as_ref().map(ToString::to_string),
                    });
                }
            }
            Event::Waiting { .. } | Event::Rebuilding { .. } | Event::Retrying { .. } => {}
        }
    }

    fn begin(&self, plan: &Plan) -> Begun {
        let teller = self.project.store().ok().and_then(|store| store.teller());
        let (running, over) = Default::default();
        let desk = Arc::new(Desk { teller, start: self.start.0, running, over });
        desk.tell(News::Began {
            pipeline: plan.pipeline.clone(),
            started: timestamp(self.start.1),
            pid: std::process::id(),
        });
        let shared = desk.clone();
        let pacer = thread::Builder::new().spawn(move || shared.keep_telling()).ok();
        Begun { desk, pacer }
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        let begun = self.begun.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Begun { desk, pacer }) = begun else { return };
        desk.running().is_over = true;
        desk.over.notify_all();
        // It only tells; a panic there has nothing to say here.
        pacer.map(JoinHandle::join);
    }
}

impl Desk {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, news: News) {
        if let Some(teller) = &self.teller {
            teller.tell(&Line { at: self.start.elapsed().as_secs_f64(), news });
        }
    }

    /// Tells how far stages are, where that has moved, until all is over.
    fn keep_telling(&self) {
        let mut running = self.running();
        while !running.is_over {
            for (stage, (progress, told)) in &mut running.stages {
                let now = progress.read();
                if percent(now) != percent(*told) {
                    *told = now;
                    let (done, total) = now;
                    self.tell(News::Progress { stage: stage.clone(), done, total });
                }
            }
            let waited = self.over.wait_timeout(running, PACE);
            running = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Returns the part that is done in whole percent, or how many units where their number is not known: about a hundred
/// lines a stage are enough for whoever watches.
fn percent((done, total): (u64, u64)) -> u64 {
    match total {
        0 => done,
        total => done.min(total).saturating_mul(100) / total,
    }
}

/// An execution that goes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GoingOn {
    /// The pipeline's name.
    pub pipeline: String,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// Its process.
    pub pid: u32,
    /// Its instances of which there are news.
    pub stages: BTreeMap<String, Now>,
}

/// How an instance is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Now {
    /// It is at work.
    Running {
        /// Units done.
        done: u64,
        /// Units in all; 0 where that is not known.
        total: u64,
    },
    /// It has ended.
    Ended {
        /// The state's word.
        state: String,
        /// Seconds it ran.
        seconds: f64,
        /// Why it failed.
        error: Option<String>,
    },
}

impl Project {
    /// Returns the executions that go on in other processes, or in this one.
    ///
    /// # Errors
    /// If the store cannot be opened.
    pub fn going_on(&self) -> Result<Vec<GoingOn>, AppError> {
        Ok(self.store()?.going_on().iter().filter_map(|lines| GoingOn::of(lines)).collect())
    }
}

impl GoingOn {
    /// Puts news together; `None` if they do not begin at the beginning.
    fn of(lines: &[Line]) -> Option<GoingOn> {
        let (first, rest) = lines.split_first()?;
        let News::Began { pipeline, started, pid } = first.news.clone() else { return None };
        let mut going = GoingOn { pipeline, started, pid, stages: BTreeMap::new() };
        for line in rest {
            let (stage, now) = match line.news.clone() {
                News::Began { .. } => continue,
                News::Started { stage } => (stage, Now::Running { done: 0, total: 0 }),
                News::Progress { stage, done, total } => (stage, Now::Running { done, total }),
                News::Ended { stage, state, seconds, error } => {
                    (stage, Now::Ended { state, seconds, error })
                }
            };
            // How far a stage was may be told after its end, by another thread.
            let has_ended = matches!(going.stages.get(&stage), Some(Now::Ended { .. }));
            if !(has_ended && matches!(line.news, News::Progress { .. })) {
                going.stages.insert(stage, now);
            }
        }
        Some(going)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_add_up_to_how_things_stand() {
        let line = |news| Line { at: 0.0, news };
        let (a, b) = ("a".to_string(), "b".to_string());
        let ended = |stage: &String| News::Ended {
            stage: stage.clone(),
            state: "ran".to_string(),
            seconds: 2.0,
            error: None,
        };
        let lines = [
            line(News::Began { pipeline: "p".into(), started: "s".into(), pid: 7 }),
            line(News::Started { stage: a.clone() }),
            line(News::Started { stage: b.clone() }),
            line(News::Progress { stage: b.clone(), done: 3, total: 9 }),
            line(ended(&a)),
            line(News::Progress { stage: a.clone(), done: 9, total: 9 }),
        ];
        let going = GoingOn::of(&lines).unwrap();
        assert_eq!(going.stages[&b], Now::Running { done: 3, total: 9 });
        assert!(matches!(&going.stages[&a], Now::Ended { state, .. } if state == "ran"));
        assert_eq!(GoingOn::of(&lines[1..]), None);
    }
}
