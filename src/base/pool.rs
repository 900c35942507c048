//! Threads for data-parallel work, shared by all stages of a run.
//! It does not know what is computed: it hands out indices and returns results in index order.
//!
//! Work is split into *fixed* chunks (of [`CHUNK_ROWS`] rows, or of whatever the caller counts) and
//! results come back in chunk order, so the number of threads can never change a bit of a result.
//! A work-stealing pool was rejected: a thread waiting for its own chunks would pick up an unrelated
//! stage, which ruins timings and makes stack depth unpredictable. Here a caller always works on
//! its own chunks and borrows only threads that nobody else uses at that moment.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::base::memory::Memory;

/// Rows in one chunk of a pass over a table. Part of what makes results reproducible: never tune it
/// without raising every kind's version.
pub const CHUNK_ROWS: usize = 65_536;

/// A budget of threads, and of memory beside it. Cloning shares the budget.
#[derive(Clone, Debug)]
pub struct Pool {
    spare: Arc<AtomicUsize>,
    n_threads: usize,
    memory: Memory,
}

impl Pool {
    /// Makes a pool for one caller that may use `n_threads` threads in all (at least one: its own).
    pub fn new(n_threads: usize) -> Pool {
        let n_threads = n_threads.max(1);
        Pool { spare: Arc::new(AtomicUsize::new(n_threads - 1)), ..Pool::of_callers(n_threads) }
    }

    /// Makes a pool of `n_threads` threads for callers that each take their own out of it, by [`Pool::try_acquire`].
    pub fn of_callers(n_threads: usize) -> Pool {
        let n_threads = n_threads.max(1);
        let spare = Arc::new(AtomicUsize::new(n_threads));
        Pool { spare, n_threads, memory: Memory::default() }
    }

    /// Returns the same threads with a budget of memory.
    pub fn with_memory(self, memory: Memory) -> Pool {
        Pool { memory, ..self }
    }

    /// Returns the budget of memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Returns the number of threads that the budget was made for.
    pub fn n_threads(&self) -> usize {
        self.n_threads
    }

    /// Takes one thread out of the budget while the guard lives, for a caller that brings a thread
    /// of its own (a stage running beside another). Returns `None` when all are in use.
    pub fn try_acquire(&self) -> Option<Permit> {
        let taken = self.take(1);
        (taken == 1).then(|| Permit { spare: self.spare.clone(), n: 1 })
    }

    /// Computes `f(0), ..., f(n - 1)` and returns the results in that order.
    pub fn map<T: Send>(&self, n: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
        self.map_few(n, usize::MAX, f)
    }

    /// Computes `f(0), ..., f(n - 1)`, at most `most` of them at a time, and returns the results in that order.
    pub fn map_few<T: Send>(&self, n: usize, most: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let next = AtomicUsize::new(0);
        self.drain(n, most, || {
            let i = next.fetch_add(1, Ordering::Relaxed);
            (i < n).then(|| (i, f(i)))
        })
    }

    /// Computes `f` on each fixed chunk of `0..n_rows` and returns the results in chunk order.
    pub fn map_chunks<T: Send>(
        &self,
        n_rows: usize,
        f: impl Fn(Range<usize>) -> T + Sync,
    ) -> Vec<T> {
        let n_chunks = n_rows.div_ceil(CHUNK_ROWS);
        self.map(n_chunks, |i| f(i * CHUNK_ROWS..((i + 1) * CHUNK_ROWS).min(n_rows)))
    }

    /// Folds each fixed chunk of `0..n_rows` into a partial state and merges the states in chunk
    /// order. Returns `None` for zero rows.
    pub fn fold_chunks<T: Send>(
        &self,
        n_rows: usize,
        f: impl Fn(Range<usize>) -> T + Sync,
        merge: impl FnMut(T, T) -> T,
    ) -> Option<T> {
        self.map_chunks(n_rows, f).into_iter().reduce(merge)
    }

    /// Lets `f` fill disjoint fixed chunks of `out`, which holds `width` values a row. `f` gets the
    /// rows of its chunk and the slice of `rows.len() * width` values; results come in chunk order.
    pub fn fill_chunks<V: Send, T: Send>(
        &self,
        out: &mut [V],
        width: usize,
        f: impl Fn(Range<usize>, &mut [V]) -> T + Sync,
    ) -> Vec<T> {
        let width = width.max(1);
        let n_chunks = out.len().div_ceil(CHUNK_ROWS * width);
        let slices = Mutex::new(out.chunks_mut(CHUNK_ROWS * width).enumerate());
        self.drain(n_chunks, usize::MAX, || {
            let (i, slice) = slices.lock().ok()?.next()?;
            let start = i * CHUNK_ROWS;
            Some((i, f(start..start + slice.len() / width, slice)))
        })
    }

    /// Lets `f` change each of `items`, which it gets with its index; results come in index order.
    pub fn map_mut<V: Send, T: Send>(
        &self,
        items: &mut [V],
        f: impl Fn(usize, &mut V) -> T + Sync,
    ) -> Vec<T> {
        let n = items.len();
        let items = Mutex::new(items.iter_mut().enumerate());
        self.drain(n, usize::MAX, || {
            let (i, item) = items.lock().ok()?.next()?;
            Some((i, f(i, item)))
        })
    }

    /// Runs `step` on this thread and on spare ones until it returns `None`; sorts what it returned.
    fn drain<T: Send>(
        &self,
        n: usize,
        most: usize,
        step: impl Fn() -> Option<(usize, T)> + Sync,
    ) -> Vec<T> {
        let n_extra = self.take(n.min(most).saturating_sub(1));
        let _returned = Permit { spare: self.spare.clone(), n: n_extra };
        let work = || std::iter::from_fn(&step).collect::<Vec<_>>();
        let mut done = if n_extra == 0 {
            work()
        } else {
            thread::scope(|scope| {
                let others: Vec<_> = (0..n_extra).map(|_| scope.spawn(work)).collect();
                let mut done = work();
                for other in others {
                    match other.join() {
                        Ok(part) => done.extend(part),
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
                done
            })
        };
        done.sort_unstable_by_key(|(i, _)| *i);
        done.into_iter().map(|(_, value)| value).collect()
    }

    fn take(&self, wanted: usize) -> usize {
        let mut got = 0;
        let _ = self.spare.fetch_update(Ordering::AcqRel, Ordering::Acquire, |spare| {
            got = wanted.min(spare);
            Some(spare - got)
        });
        got
    }
}

/// Threads taken out of a [`Pool`]; they go back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    spare: Arc<AtomicUsize>,
    n: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.spare.fetch_add(self.n, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_index_order_for_any_number_of_threads() {
        let expected: Vec<usize> = (0..100).map(|i| i * i).collect();
        for n_threads in [1, 2, 7] {
            assert_eq!(Pool::new(n_threads).map(100, |i| i * i), expected);
        }
    }

    #[test]
    fn floating_sums_have_the_same_bits_for_any_number_of_threads() {
        let values: Vec<f64> = (0..200_001).map(|i| 1.0 / (i as f64 + 0.1)).collect();
        let sum = |n_threads| {
            Pool::new(n_threads)
                .fold_chunks(values.len(), |rows| values[rows].iter().sum::<f64>(), |a, b| a + b)
                .map(f64::to_bits)
        };
        assert_eq!(sum(1), sum(2));
        assert_eq!(sum(1), sum(7));
    }

    #[test]
    fn filling_covers_every_row_once() {
        let mut out = vec![0_u64; 3 * (CHUNK_ROWS + 10)];
        let rows = Pool::new(3).fill_chunks(&mut out, 3, |rows, slice| {
            slice.iter_mut().for_each(|v| *v += 1);
            rows
        });
        assert_eq!(rows, [0..CHUNK_ROWS, CHUNK_ROWS..CHUNK_ROWS + 10]);
        assert!(out.iter().all(|&v| v == 1));
    }

    #[test]
    fn changing_reaches_every_item_once() {
        let mut items = vec![1_u64; 50];
        let seen = Pool::new(3).map_mut(&mut items, |i, item| {
            *item += i as u64;
            i
        });
        assert_eq!(seen, (0..50).collect::<Vec<_>>());
        assert!(items.iter().enumerate().all(|(i, &item)| item == 1 + i as u64));
    }

    /// The pool of a run was made for one thread more than may work, for the caller that computes nothing. Who asked how
    /// many there are cut its work for that many, and boosted trees of three classes took turns on two threads.
    #[test]
    fn callers_find_as_many_threads_as_there_are() {
        let pool = Pool::of_callers(2);
        let own = pool.try_acquire();
        assert!(own.is_some());
        assert_eq!((pool.n_threads(), pool.take(9)), (2, 1));
    }

    #[test]
    fn permits_go_back() {
        let pool = Pool::new(2);
        let held = pool.try_acquire();
        assert!(held.is_some() && pool.try_acquire().is_none());
        drop(held);
        assert!(pool.try_acquire().is_some());
    }
}
