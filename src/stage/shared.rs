//! What stages of one run compute alike: a tree that is cut at every number of clusters is grown once.
//! It does not know what is computed.
//!
//! Sharing can change no result: what has one name is computed from the same bytes by the same program, so it would come
//! out the same again. It saves time only, and a run that executes one of the stages alone computes it for itself.

use std::{
    any::Any,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::base::hash::ContentHash;

type Slot = Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>;

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
        of: ContentHash,
        what: &str,
        compute: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry((of, what.to_string())).or_default().clone()
        };
        let mut held = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = held.clone().and_then(|any| any.downcast::<T>().ok()) {
            return Ok(found);
        }
        let made = Arc::new(compute()?);
        *held = Some(made.clone());
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
        assert_eq!(shared.get(of, "tree", || Err::<u32, _>("no")).unwrap_err(), "no");
        let count = |of, what: &str| {
            shared.get(of, what, || Ok::<_, Infallible>(n.fetch_add(1, Ordering::Relaxed) as u64))
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
}
