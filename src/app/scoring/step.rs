//! One stage on the way to the classifier, ready to take new rows. It does not know the stages before and after it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::path::{Leg, Objects, given, output};
use crate::{
    app::AppError,
    base::hash::RunId,
    frame::{
        Table,
        onnx::{Columns, Graph, Inexpressible},
    },
    stage::{
        ctx::{Arrivals, Input},
        error::StageError,
        kind::Kind,
        memory,
        row_by_row::{Applied, RowByRow},
        work::Work,
    },
    store::records::Manifest,
};

/// A stage that is ready.
pub struct Step {
    /// Its name.
    pub stage: String,
    /// Its kind.
    pub kind: &'static str,
    act: Act,
}

enum Act {
    /// Takes each row alone.
    Rows(Box<dyn RowByRow>),
    /// Is executed again on all rows.
    Whole(Whole),
}

struct Whole {
    kind: &'static dyn Kind,
    params: Value,
    port: &'static str,
    main: &'static str,
    others: BTreeMap<String, Input>,
}

impl Step {
    /// Reads what the stage learnt, and its other inputs.
    ///
    /// # Errors
    /// If these are damaged.
    pub fn load(
        objects: &dyn Objects,
        run: RunId,
        manifest: &Manifest,
        leg: &Leg<'_>,
    ) -> Result<Step, AppError> {
        let (stage, kind) = (leg.stage, leg.kind);
        let params = &stage.preimage.params;
        // Errors of the store go around the kind, which knows none.
        let failed = std::cell::RefCell::new(None);
        let lookup = |port: &str| {
            let edge = stage.edges.iter().find(|e| e.port == port && !e.whole_stage);
            let found = match edge {
                Some(edge) => given(run, manifest, edge),
                None => output(stage, port),
            };
            found.and_then(|found| objects.table(found)).map_err(|error| match error {
                AppError::Stage(error) => error,
                other => {
                    let text = other.to_string();
                    *failed.borrow_mut() = Some(other);
                    StageError::Internal(text)
                }
            })
        };
        let ready = kind.row_by_row(params, &lookup);
        if let Some(error) = failed.take() {
            return Err(error);
        }
        let act = match ready? {
            Some(ready) => Act::Rows(ready),
            None => {
                let mut others = BTreeMap::new();
                for edge in stage.edges.iter().filter(|e| e.port != leg.port && !e.whole_stage) {
                    let other = objects.table(given(run, manifest, edge)?)?;
                    others.insert(edge.port.clone(), memory::input(&edge.port, &other)?);
                }
                let main = if stage.outputs.contains_key("matrix") { "matrix" } else { "table" };
                Act::Whole(Whole { kind, params: params.clone(), port: leg.port, main, others })
            }
        };
        Ok(Step { stage: stage.name.clone(), kind: kind.name(), act })
    }

    /// Returns true if each row is taken alone.
    pub fn is_row_by_row(&self) -> bool {
        matches!(self.act, Act::Rows(_))
    }

    /// Writes what the stage does to columns into a graph.
    ///
    /// # Errors
    /// If there are no operators for it, or rows meet in it.
    pub fn graph(
        &self,
        columns: &mut Columns,
        wanted: &[String],
        graph: &mut Graph,
    ) -> Result<(), Inexpressible> {
        match &self.act {
            Act::Rows(ready) => ready.graph(columns, wanted, graph),
            Act::Whole(_) => Err(Inexpressible::new("rows meet in it")),
        }
    }

    /// Takes new rows through the stage.
    ///
    /// # Errors
    /// If a value cannot be used.
    pub fn apply(
        &self,
        rows: &Table,
        work: &Work,
        notes: &mut Vec<String>,
    ) -> Result<Applied, StageError> {
        match &self.act {
            Act::Rows(ready) => ready.apply(rows, work),
            Act::Whole(whole) => whole.apply(rows, work, notes).map(Applied::all),
        }
    }
}

impl Whole {
    fn apply(
        &self,
        rows: &Table,
        work: &Work,
        notes: &mut Vec<String>,
    ) -> Result<Table, StageError> {
        let mut single = self.others.clone();
        single.insert(self.port.to_string(), memory::input(self.port, rows)?);
        let arrivals = Arrivals { single, ..Arrivals::default() };
        let outputs = memory::run(self.kind, &self.params, &arrivals, work)?;
        notes.extend(outputs.notes.iter().cloned());
        outputs.table(self.main)
    }
}
