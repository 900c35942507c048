//! Runs a plan: which instance may start, on how many threads, and what a failure stops.
//! It does not know how one instance is settled, nor who listens to the events.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use petgraph::graph::NodeIndex;

use crate::{
    base::{memory::Memory, pool::Pool},
    engine::{
        event::{Event, Report, State},
        plan::Plan,
        reason,
        settle::{self, Ready, Runner},
        source::Origin,
    },
    stage::{error::StageError, shared::Shared, work::Cancel},
    store::{
        Store,
        lease::PATIENCE,
        records::{KeyRecord, OutputRecord, PipelineState, Reason, ReasonCode},
    },
};

/// How a plan is to be run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Most threads at work.
    pub jobs: usize,
    /// Most bytes of memory, for what can be counted beforehand.
    pub memory: Option<u64>,
    /// Run only these and what they need; everything if `None`.
    pub targets: Option<Vec<NodeIndex>>,
    /// Run these even if they are cached.
    pub force: BTreeSet<NodeIndex>,
    /// Go on with what does not depend on a failure.
    pub keep_going: bool,
    /// Use and update the `latest` view.
    pub update_latest: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            jobs: 1,
            memory: None,
            targets: None,
            force: BTreeSet::new(),
            keep_going: false,
            update_latest: true,
        }
    }
}

/// Runs `plan` and returns what became of each instance, in plan order.
pub fn execute(
    plan: &Plan,
    store: &Store,
    origin: &Origin<'_>,
    known: &PipelineState,
    options: &Options,
    cancel: &Cancel,
    events: &(dyn Fn(Event<'_>) + Sync),
) -> Vec<Report> {
    let wanted = match &options.targets {
        Some(targets) => plan.with_upstream(targets),
        None => plan.order.clone(),
    };
    // One permit a running stage; what is left over is lent to the stages' own parallel work.
    let pool = Pool::of_callers(options.jobs).with_memory(Memory::new(options.memory));
    let scheduler = Scheduler::new(plan, &wanted, options.keep_going, cancel);
    let shop = Shop {
        runner: Runner {
            plan,
            store,
            origin,
            pool: &pool,
            cancel,
            shared: &Shared::default(),
            events,
        },
        told: Mutex::default(),
        known,
        options,
        scheduler: &scheduler,
        begun: Instant::now(),
    };
    let n_workers = options.jobs.clamp(1, wanted.len().max(1));
    if n_workers == 1 {
        shop.work();
    } else {
        thread::scope(|scope| {
            for _ in 0..n_workers {
                scope.spawn(|| shop.work());
            }
        });
    }
    scheduler.into_reports(&wanted)
}

/// Which instances may start, and what became of the others.
struct Scheduler<'a> {
    plan: &'a Plan,
    keep_going: bool,
    cancel: &'a Cancel,
    board: Mutex<Board>,
    changed: Condvar,
}

#[derive(Default)]
struct Board {
    /// Givers that are not done, by node; `None` for instances that are not wanted.
    waiting: Vec<Option<usize>>,
    ready: BinaryHeap<Reverse<(usize, NodeIndex)>>,
    /// Whose work another holder of the store is doing; they are looked at again after a while.
    deferred: Vec<NodeIndex>,
    /// Of those that take turns, the one whose turn it is, and those that wait for it to end.
    turn: Option<NodeIndex>,
    queue: Vec<NodeIndex>,
    position: Vec<usize>,
    open: usize,
    failed: bool,
    /// The store cannot be written.
    refused: bool,
    reports: BTreeMap<NodeIndex, Report>,
}

impl Board {
    /// Lets the next one have its turn if it was this one's.
    fn end_turn(&mut self, node: NodeIndex) {
        if self.turn == Some(node) {
            self.turn = None;
            for waiting in std::mem::take(&mut self.queue) {
                self.ready.push(Reverse((self.position[waiting.index()], waiting)));
            }
        }
    }
}

impl<'a> Scheduler<'a> {
    fn new(plan: &'a Plan, wanted: &[NodeIndex], keep_going: bool, cancel: &'a Cancel) -> Self {
        let n = plan.graph.node_count();
        let mut board = Board { waiting: vec![None; n], position: vec![0; n], ..Board::default() };
        board.open = wanted.len();
        for (position, &node) in wanted.iter().enumerate() {
            let n_givers = plan.givers(node).count();
            board.waiting[node.index()] = Some(n_givers);
            board.position[node.index()] = position;
            if n_givers == 0 {
                board.ready.push(Reverse((position, node)));
            }
        }
        Scheduler { plan, keep_going, cancel, board: Mutex::new(board), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next instance to settle, waiting for one; `None` when all are done.
    fn next(&self) -> Option<NodeIndex> {
        let mut board = self.lock();
        loop {
            if board.open == 0 {
                return None;
            }
            while let Some(Reverse((_, node))) = board.ready.pop() {
                match (self.plan.graph[node].kind.takes_turns(), board.turn) {
                    (false, _) => return Some(node),
                    (true, None) => {
                        board.turn = Some(node);
                        return Some(node);
                    }
                    (true, Some(_)) => board.queue.push(node),
                }
            }
            if board.deferred.is_empty() {
                board = self.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
            } else {
                let waited = self.changed.wait_timeout(board, PATIENCE);
                board = waited.unwrap_or_else(PoisonError::into_inner).0;
                for node in std::mem::take(&mut board.deferred) {
                    let position = board.position[node.index()];
                    board.ready.push(Reverse((position, node)));
                }
            }
        }
    }

    /// Puts an instance back whose work another holder of the store is doing.
    fn defer(&self, node: NodeIndex) {
        let mut board = self.lock();
        board.deferred.push(node);
        board.end_turn(node);
        self.changed.notify_all();
    }

    /// Returns the state in which an instance ends that may not start any more, if so.
    fn verdict(&self, node: NodeIndex) -> Option<State> {
        let board = self.lock();
        let above = |state: State| {
            self.plan.givers(node).any(|g| board.reports.get(&g).is_some_and(|r| r.state == state))
        };
        if above(State::Failed) || above(State::Skipped) {
            Some(State::Skipped)
        } else if self.cancel.is_cancelled() || above(State::Cancelled) {
            Some(State::Cancelled)
        } else if board.refused || (board.failed && !self.keep_going) {
            Some(State::Skipped)
        } else {
            None
        }
    }

    /// Returns the state in which an instance ends that failed. A store that cannot be written is one failure, however
    /// many instances meet it.
    fn failure(&self, error: &StageError) -> State {
        if matches!(error, StageError::Cancelled) {
            return State::Cancelled;
        }
        let mut board = self.lock();
        if error.is_refusal() && std::mem::replace(&mut board.refused, true) {
            return State::Skipped;
        }
        State::Failed
    }

    fn outputs(&self, node: NodeIndex) -> Option<BTreeMap<String, OutputRecord>> {
        let board = self.lock();
        board.reports.get(&node).filter(|r| r.state.is_done()).map(|r| r.outputs.clone())
    }

    /// Tells whether anything directly above ran or was itself moved.
    fn moved_above(&self, node: NodeIndex) -> bool {
        let board = self.lock();
        self.plan.givers(node).any(|g| board.reports.get(&g).is_some_and(|r| r.moved))
    }

    fn done(&self, report: Report) {
        let mut board = self.lock();
        board.failed |= report.state == State::Failed;
        board.open -= 1;
        let node = report.node;
        board.end_turn(node);
        board.reports.insert(node, report);
        for taker in self.plan.takers(node) {
            if let Some(waiting) = &mut board.waiting[taker.index()] {
                *waiting -= 1;
                if *waiting == 0 {
                    let position = board.position[taker.index()];
                    board.ready.push(Reverse((position, taker)));
                }
            }
        }
        self.changed.notify_all();
    }

    fn into_reports(self, wanted: &[NodeIndex]) -> Vec<Report> {
        let board = self.board.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut reports = board.reports;
        wanted.iter().filter_map(|n| reports.remove(n)).collect()
    }
}

/// What came of looking at an instance.
enum Settled {
    /// Its outputs are there.
    Done,
    /// Another holder of the store is making them.
    Elsewhere,
}

/// What the workers share.
struct Shop<'a> {
    runner: Runner<'a>,
    /// Instances whose waiting was told of.
    told: Mutex<BTreeSet<NodeIndex>>,
    known: &'a PipelineState,
    options: &'a Options,
    scheduler: &'a Scheduler<'a>,
    begun: Instant,
}

impl Shop<'_> {
    fn work(&self) {
        while let Some(node) = self.scheduler.next() {
            let mut report = Report {
                at: self.begun.elapsed().as_secs_f64(),
                ..Report::blank(self.runner.plan, node)
            };
            match self.scheduler.verdict(node) {
                Some(state) => report.state = state,
                None => match self.settle(&mut report) {
                    Ok(Settled::Done) => {}
                    Ok(Settled::Elsewhere) => {
                        self.defer(node);
                        continue;
                    }
                    Err(error) => {
                        report.state = self.scheduler.failure(&error);
                        report.error = (report.state != State::Skipped).then_some(error);
                    }
                },
            }
            (self.runner.events)(Event::Finished { report: &report });
            self.scheduler.done(report);
        }
    }

    fn defer(&self, node: NodeIndex) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(node);
        if told {
            let name = &self.runner.plan.graph[node].name;
            (self.runner.events)(Event::Waiting { name });
        }
        self.scheduler.defer(node);
    }

    /// Finds the instance in the store or runs it, unless another holder of the store is running it.
    fn settle(&self, report: &mut Report) -> Result<Settled, StageError> {
        let node = report.node;
        let plan = self.runner.plan;
        let above = |n: NodeIndex| self.scheduler.outputs(n);
        let ready = settle::ready(plan, node, &above, self.runner.origin, self.runner.store)?;
        report.files = ready.files.iter().map(|f| f.label.clone()).collect();
        report.preimage = Some((ready.key, ready.preimage.clone()));
        let moved_above = self.scheduler.moved_above(node);
        let mut found = self.find(node, &ready)?;
        let mut lease = None;
        if found.is_err() {
            lease = self.runner.store.try_lease(&ready.key).map_err(settle::store_error)?;
            if lease.is_none() {
                return Ok(Settled::Elsewhere);
            }
            // Whoever had the lease until now may have made the outputs.
            found = self.find(node, &ready)?;
            report.joined = found.is_ok();
        }
        let record = match found {
            Ok(record) => {
                report.state = State::Cached;
                report.early_cutoff = moved_above;
                report.moved = moved_above;
                record
            }
            Err(reasons) => {
                report.reasons = self.reasons(node, &ready, reasons);
                let _permit = self.runner.pool.try_acquire();
                let record = self.runner.run(node, &ready, &above)?;
                report.state = State::Ran;
                report.moved = true;
                record
            }
        };
        drop(lease);
        self.take(report, record)?;
        Ok(Settled::Done)
    }

    fn find(
        &self,
        node: NodeIndex,
        ready: &Ready,
    ) -> Result<Result<KeyRecord, Vec<Reason>>, StageError> {
        if self.options.force.contains(&node) {
            return Ok(Err(vec![reason::plain(ReasonCode::Forced)]));
        }
        settle::lookup(self.runner.store, &ready.key).map_err(settle::store_error)
    }

    fn reasons(&self, node: NodeIndex, ready: &Ready, found: Vec<Reason>) -> Vec<Reason> {
        if !found.is_empty() {
            return found;
        }
        let instance = &self.runner.plan.graph[node];
        let files: Vec<String> = ready.files.iter().map(|f| f.label.clone()).collect();
        let before = self.known.instances.get(&instance.name);
        let reasons = reason::compare(before, &ready.preimage, &files, true);
        match reasons.is_empty() {
            // The newest record is of the same key, yet the key's own record is gone.
            true => vec![reason::plain(ReasonCode::OutputMissing)],
            false => reasons,
        }
    }

    fn take(&self, report: &mut Report, record: KeyRecord) -> Result<(), StageError> {
        report.seconds = record.seconds;
        report.outputs = record.outputs;
        report.notes = record.notes;
        if self.options.update_latest {
            let pipeline = &self.runner.plan.pipeline;
            for (port, output) in &report.outputs {
                self.runner
                    .store
                    .link_latest(pipeline, &report.name, port, &output.hash, &output.ext)
                    .map_err(settle::store_error)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::plan,
        stage::{
            ctx::StageCtx,
            kind::{FixedOutput, Inputs, Kind},
            params::Param,
        },
    };

    /// A kind that does nothing, and may take turns.
    struct Toy(&'static str, bool);

    impl Kind for Toy {
        fn name(&self) -> &'static str {
            self.0
        }
        fn version(&self) -> u32 {
            1
        }
        fn about(&self) -> &'static str {
            "does nothing"
        }
        fn params(&self) -> &'static [Param] {
            &[]
        }
        fn inputs(&self) -> Inputs {
            Inputs::Fixed(&[])
        }
        fn fixed_outputs(&self) -> &'static [FixedOutput] {
            &[]
        }
        fn takes_turns(&self) -> bool {
            self.1
        }
        fn run(&self, _: &mut StageCtx<'_>) -> Result<(), StageError> {
            Ok(())
        }
    }

    #[test]
    fn those_that_take_turns_are_never_at_work_together() {
        static KINDS: &[&dyn Kind] = &[&Toy("toy.narrow", false), &Toy("toy.wide", true)];
        let text = "
pipeline: p
stages:
  forest: { uses: toy.wide }
  logistic: { uses: toy.wide }
  profile: { uses: toy.narrow }
";
        let plan = plan::compile(text, KINDS, &Default::default()).unwrap();
        let cancel = Cancel::new();
        let scheduler = Scheduler::new(&plan, &plan.order, false, &cancel);
        let name = |node: NodeIndex| plan.graph[node].name.as_str();
        let done =
            |node| scheduler.done(Report { state: State::Ran, ..Report::blank(&plan, node) });
        let forest = scheduler.next().unwrap();
        let profile = scheduler.next().unwrap();
        assert_eq!((name(forest), name(profile)), ("forest", "profile"));
        done(profile);
        // Another process is at the forest's work: meanwhile it is the other one's turn.
        scheduler.defer(forest);
        let second = scheduler.next().unwrap();
        done(second);
        let third = scheduler.next().unwrap();
        assert!(third != second && plan.graph[third].kind.takes_turns());
        done(third);
        assert_eq!(scheduler.next(), None);
    }
}
