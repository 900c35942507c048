//! What stages of one run compute alike: a tree that is cut at every number of clusters is grown once.
//! It does not know what is computed.
//!
//! Sharing can change no result: what has one name is computed from the same bytes by the same program, so it would come
//! out the same again. It saves time only, and a run that executes one of the stages alone computes it for itself.

use std::{
    any::Any,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::base::hash::ContentHash;

type Slot = Arc<Mutex<Option<Held>>>;

/// How long a shared result is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Until the run ends.
    ToTheEnd,
    /// While a stage uses it: for what is large beside the time that it takes.
    WhileUsed,
}

enum Held {
    ToTheEnd(Arc<dyn Any + Send + Sync>),
    WhileUsed(Weak<dyn Any + Send + Sync>),
}

impl Held {
    fn new(made: Arc<dyn Any + Send + Sync>, keep: Keep) -> Held {
        match keep {
            Keep::ToTheEnd => Held::ToTheEnd(made),
            Keep::WhileUsed => Held::WhileUsed(Arc::downgrade(&made)),
        }
    }

    fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let any = match self {
            Held::ToTheEnd(any) => any.clone(),
            Held::WhileUsed(any) => any.upgrade()?,
        };
        any.downcast::<T>().ok()
    }
}

/// Results that stages of one run have in common. Cloning shares them.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<BTreeMap<(ContentHash, String), Slot>>>);

impl Shared {
    /// Returns what `compute` makes of the bytes with this hash: computed now, or already by another stage, or by one that
    /// is at it at this moment and is waited for. `what` names everything else that the result depends on; a failure is
    /// not kept.
    ///
    /// # Errors
    /// Those of `compute`.
    pub fn get<T: Send + Sync + 'static, E>(
        &self,
        (of, what): (ContentHash, &str),
        keep: Keep,
        compute: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry((of, what.to_string())).or_default().clone()
        };
        let mut held = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = held.as_ref().and_then(Held::get) {
            return Ok(found);
        }
        let made = Arc::new(compute()?);
        *held = Some(Held::new(made.clone(), keep));
        Ok(made)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn what_has_one_name_is_computed_once_and_a_failure_is_not_kept() {
        let (shared, n) = (Shared::default(), AtomicUsize::new(0));
        let (of, other) = (ContentHash::of(b"matrix"), ContentHash::of(b"other"));
        assert_eq!(
            shared.get((of, "tree"), Keep::ToTheEnd, || Err::<u32, _>("no")).unwrap_err(),
            "no"
        );
        let count = |of, what: &str| {
            let compute = || Ok::<_, Infallible>(n.fetch_add(1, Ordering::Relaxed) as u64);
            shared.get((of, what), Keep::ToTheEnd, compute)
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(*count(of, "tree").unwrap(), 0));
            }
        });
        assert_eq!(*count(of, "other tree").unwrap(), 1);
        assert_eq!(*count(other, "tree").unwrap(), 2);
        assert_eq!(*count(of, "tree").unwrap(), 0);
    }

    #[test]
    fn what_is_large_is_let_go_when_nobody_uses_it() {
        let (shared, of) = (Shared::default(), ContentHash::of(b"matrix"));
        let get = |value: u64| {
            let compute = || Ok::<_, Infallible>(value);
            shared.get((of, "matrix"), Keep::WhileUsed, compute).unwrap()
        };
        let first = get(1);
        let second = get(2);
        drop(first);
        assert_eq!((*second, *get(3)), (1, 1));
        drop(second);
        assert_eq!(*get(4), 4);
    }
}
