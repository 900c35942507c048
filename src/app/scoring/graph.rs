//! The way as a graph of operators, for other programs. It does not know how the file looks.

use super::Scorer;
use crate::{
    app::AppError,
    frame::{
        expr::types::Ty,
        onnx::{Columns, Graph, Inexpressible},
    },
};

impl Scorer {
    /// Returns the raw columns that the way reads, and what each holds.
    ///
    /// # Errors
    /// If one has a type that nothing on the way can read.
    pub fn inputs(&self) -> Result<Vec<(String, Ty)>, AppError> {
        let typed = |name: &String| {
            let field = self.schema.field_with_name(name).ok()?;
            Some((name.clone(), Ty::of(field.data_type())?))
        };
        let all = self.columns.iter().map(|name| {
            let why = || Inexpressible::new(format!("raw column `{name}` has no known type"));
            typed(name).ok_or_else(|| self.refusal(&self.source_stage, &why()))
        });
        all.collect()
    }

    /// Writes the whole way, from raw columns to label and probabilities.
    ///
    /// # Errors
    /// If there are no operators for something on it; the text names the stage and what it is.
    pub fn graph(&self) -> Result<Graph, AppError> {
        if let Some(meeting) = self.meeting() {
            return Err(AppError::Usage(format!(
                "rows meet in stage `{}` (`{}`) on the way to `{}`, and an ONNX model answers each row alone; \
                 --format bundle keeps the way as it is",
                meeting.stage, meeting.kind, self.stage
            )));
        }
        let mut graph = Graph::default();
        let mut columns = Columns::raw(&self.inputs()?, &mut graph)
            .map_err(|error| self.refusal(&self.source_stage, &error))?;
        for (step, wanted) in self.trail.0.iter().zip(&self.wanted) {
            step.graph(&mut columns, wanted, &mut graph)
                .map_err(|error| self.refusal(&step.stage, &error))?;
        }
        self.classifier
            .graph(&mut columns, &mut graph)
            .map_err(|error| self.refusal(&self.stage, &error))?;
        Ok(graph)
    }

    fn refusal(&self, stage: &str, what: &Inexpressible) -> AppError {
        AppError::Usage(format!(
            "stage `{stage}` cannot be written in ONNX: {what}; change it, or use --format bundle, which keeps the way as \
             it is"
        ))
    }
}
