//! How the rows that are asked about differ from those that the run learnt from, counted beside the answering: requests
//! only leave their rows, so many at a time, and what finds no room is told as not looked at. It does not know requests.

use std::{
    fmt::Write,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use arrow::array::RecordBatch;

use super::metrics::{head, label};
use crate::{
    app::drift::{Counts, Drift, Limits, Sight},
    frame::Table,
    stage::{error::StageError, work::Work},
};

/// Rows that may wait to be counted, in half a second: enough to tell what has moved within minutes, and so few that those
/// who ask meanwhile need not wait for the processor.
const WAITING: usize = 512;

/// A request takes the room of so many rows beside its own: rows that come one by one cost more to count than rows of a file.
const OF_A_REQUEST: usize = 7;

/// Watches the rows of one run.
#[derive(Default)]
pub struct Watching {
    sight: OnceLock<Sight>,
    asked: AtomicBool,
    room_taken: AtomicUsize,
    passed_over: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Raw rows and their answers.
    waiting: Vec<(Table, Table)>,
    counts: Option<Counts>,
}

impl Watching {
    /// Begins to watch.
    pub fn begin(&self, sight: Sight) {
        // Whoever was first has begun already.
        let _ = self.sight.set(sight);
    }

    /// Returns true, once, if what the run's own rows look like is still to be learnt.
    pub fn is_to_be_learnt(&self) -> bool {
        self.sight.get().is_none() && !self.asked.swap(true, Ordering::Relaxed)
    }

    /// Leaves rows and their answers to be counted.
    pub fn leave(&self, raw: &Table, answers: &Table) {
        if self.sight.get().is_none() {
            return;
        }
        // Of many rows the first tell as much as there is room for.
        let (n_rows, n_counted) = (raw.n_rows(), raw.n_rows().min(WAITING - OF_A_REQUEST));
        let with_these = |n: usize| Some(n + room(n_counted)).filter(|n| *n <= WAITING);
        // Where many ask there is no room most of the time, and nobody waits for a lock to find that out.
        let taken = self.room_taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with_these);
        let n_counted = if taken.is_ok() { n_counted } else { 0 };
        self.passed_over.fetch_add((n_rows - n_counted) as u64, Ordering::Relaxed);
        if n_counted > 0 {
            let first = |table: &Table| Table::from_batch(table.batch().slice(0, n_counted));
            self.seen().waiting.push((first(raw), first(answers)));
        }
    }

    /// Counts what was left.
    pub fn count(&self, work: &Work) {
        let Some(sight) = self.sight.get() else { return };
        let waiting = std::mem::take(&mut self.seen().waiting);
        let freed = waiting.iter().map(|(raw, _)| room(raw.n_rows())).sum();
        self.room_taken.fetch_sub(freed, Ordering::Relaxed);
        for parts in waiting.chunk_by(|a, b| a.0.schema() == b.0.schema()) {
            let counted = counted(sight, parts, work);
            let mut seen = self.seen();
            match counted {
                Ok(counts) => seen.counts.get_or_insert_with(|| sight.profile.none()).add(&counts),
                Err(_) => {
                    let n_rows: usize = parts.iter().map(|(raw, _)| raw.n_rows()).sum();
                    self.passed_over.fetch_add(n_rows as u64, Ordering::Relaxed);
                }
            }
        }
    }

    /// Writes what was counted as text for Prometheus; nothing if nobody watches.
    pub fn text(&self, out: &mut String) {
        let Some(sight) = self.sight.get() else { return };
        let seen = self.seen();
        let counts = seen.counts.clone().unwrap_or_else(|| sight.profile.none());
        let passed_over = self.passed_over.load(Ordering::Relaxed);
        drop(seen);
        for (name, help, n) in [
            ("rows_total", "Rows counted beside those that the run learnt from.", counts.rows),
            ("rows_passed_over_total", "Rows not counted, as too many came.", passed_over),
        ] {
            head(out, &format!("drift_{name}"), "counter", help);
            let _ = writeln!(out, "orchestrate_drift_{name} {n}");
        }
        if counts.rows > 0 {
            figures(&sight.profile.compare(&counts, &Limits::default()), out);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what the rows of a request take of the room there is.
fn room(n_rows: usize) -> usize {
    n_rows + OF_A_REQUEST
}

/// Counts rows of the same columns together.
fn counted(sight: &Sight, parts: &[(Table, Table)], work: &Work) -> Result<Counts, StageError> {
    let together = |tables: Vec<&Table>| -> Result<Table, StageError> {
        let batches: Vec<RecordBatch> = tables.iter().map(|table| table.batch().clone()).collect();
        let first = tables.first().map(|table| table.schema());
        let schema = first.ok_or_else(|| StageError::Internal("no rows to count".to_string()))?;
        Ok(Table::from_batches(&schema, &batches)?)
    };
    let raw = together(parts.iter().map(|(raw, _)| raw).collect())?;
    let answers = together(parts.iter().map(|(_, answers)| answers).collect())?;
    let counts = sight.count(&raw, &answers, work);
    // A row that the clustering's way cannot take leaves the others without a distance, no more.
    counts.or_else(|_| sight.profile.count(&raw, &answers, None))
}

fn figures(drift: &Drift, out: &mut String) {
    let mut gauge = |name: &str, help: &str, values: &[(Option<&str>, f64)]| {
        head(out, &format!("drift_{name}"), "gauge", help);
        for (column, value) in values.iter().filter(|(_, value)| value.is_finite()) {
            let labels = column.map_or(String::new(), |c| format!("{{column=\"{}\"}}", label(c)));
            let _ = writeln!(out, "orchestrate_drift_{name}{labels} {value}");
        }
    };
    let of_columns = |figure: &dyn Fn(&crate::app::drift::Moved) -> f64| -> Vec<_> {
        drift.columns.iter().map(|c| (Some(c.column.as_str()), figure(c))).collect()
    };
    let psi = "Population stability index of a column, counted rows beside the run's own.";
    gauge("psi", psi, &of_columns(&|column| column.psi));
    let missing = "Share of the counted rows without a value in a column.";
    gauge("missing_ratio", missing, &of_columns(&|column| column.missing[1]));
    let unknown = "Share of the counted rows with a level that the run has never seen.";
    gauge("unknown_ratio", unknown, &of_columns(&|column| column.unknown.unwrap_or(f64::NAN)));
    let segments = "Population stability index of the segments.";
    gauge("segments_psi", segments, &[(None, drift.segments_psi)]);
    if let Some([_, far]) = drift.far {
        let help = "Share of the counted rows far from every segment's centre; of the run's own it is a hundredth.";
        gauge("far_ratio", help, &[(None, far)]);
    }
}
