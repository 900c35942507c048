//! `gc` and `du`: what lies in the store, and what of it no kept run needs. It does not know how this is told.

use crate::{
    app::{AppError, Project},
    stage::work::Cancel,
    store::{
        gc::{Plan, Swept, Wishes},
        usage::{Size, Usage},
    },
};

/// How many runs of each pipeline are kept if nobody says otherwise.
pub const DEFAULT_KEEP: usize = 10;

/// What gc would do, or did.
pub struct Collection {
    /// What goes.
    pub plan: Plan,
    /// What went, if it was meant.
    pub swept: Option<Swept>,
}

/// What lies in the store.
pub struct Occupancy {
    /// What there is.
    pub usage: Usage,
    /// What gc would free; `None` if a record cannot be read that gc needs.
    pub reclaimable: Option<Size>,
}

impl Project {
    /// Tells what gc would remove. It changes nothing.
    ///
    /// # Errors
    /// If the store is damaged where it says what is needed.
    pub fn gc_preview(&self, wishes: &Wishes) -> Result<Collection, AppError> {
        Ok(Collection { plan: self.store()?.gc_plan(wishes)?, swept: None })
    }

    /// Removes what no kept run needs. `waiting` is called once if others hold the store.
    ///
    /// # Errors
    /// As [`Project::gc_preview`], and if the medium refuses or the wait was interrupted.
    pub fn gc(
        &self,
        wishes: &Wishes,
        cancel: &Cancel,
        waiting: &dyn Fn(),
    ) -> Result<Collection, AppError> {
        if !self.store()?.root().exists() {
            return self.gc_preview(wishes);
        }
        let store = self.store_alone(cancel, waiting)?;
        let plan = store.gc_plan(wishes)?;
        let swept = store.sweep(&plan, &|| cancel.is_cancelled())?;
        Ok(Collection { plan, swept: Some(swept) })
    }

    /// Measures the store.
    ///
    /// # Errors
    /// If it cannot be listed.
    pub fn du(&self) -> Result<Occupancy, AppError> {
        let store = self.store()?;
        let wishes = Wishes { keep: DEFAULT_KEEP, max_bytes: None };
        let reclaimable = store.gc_plan(&wishes).ok().map(|plan| plan.total());
        Ok(Occupancy { usage: store.usage()?, reclaimable })
    }
}
