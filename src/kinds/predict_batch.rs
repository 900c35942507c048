//! `predict.batch`: a fitted classifier's answers for the rows of a table. It does not know which algorithm
//! answers, nor which columns it reads before the model is there.

use crate::{
    frame::Table,
    kinds::classify_common::Classifier,
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{FixedOutput, InputPort, Inputs, Kind, PortType},
        params::Param,
    },
};

/// The kind.
pub struct PredictBatch;

impl Kind for PredictBatch {
    fn name(&self) -> &'static str {
        "predict.batch"
    }

    fn version(&self) -> u32 {
        2
    }

    fn about(&self) -> &'static str {
        "Assign each row of a table to a segment by a fitted classifier"
    }

    fn params(&self) -> &'static [Param] {
        &[]
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(&[
            InputPort {
                name: "table",
                ty: PortType::Table,
                required: true,
                help: "rows with the columns that the classifier was trained on; others are left alone",
            },
            InputPort {
                name: "model",
                ty: PortType::Classifier,
                required: true,
                help: "the `model` of a classifier stage or of select.classifier",
            },
        ])
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[FixedOutput {
            name: "predictions",
            ty: PortType::Table,
            help: "id, segment, the probability of each segment p_0, p_1, ... (and class, its value as text, where \
                   the model was trained on a target)",
        }]
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let classifier = Classifier::from_table(&ctx.table("model")?)?;
        let rows = ctx.rows("table")?;
        let work = ctx.work;
        work.progress.set_total(rows.n_rows() as u64);
        let answer = |chunk: Table| -> Result<Table, StageError> {
            let p = classifier.predict(&chunk, work)?;
            let (id, ids) = chunk.id()?;
            work.progress.advance(chunk.n_rows() as u64);
            classifier.predictions((&id, ids), &p, None)
        };
        let mut sink = ctx.table_sink("predictions", answer(rows.none())?.schema())?;
        let columns = classifier.preparation.columns_in(&rows);
        rows.fold(Some(&columns), &work.pool, answer, |table| sink.push_table(&table))?;
        let n_rows = sink.finish()?;
        ctx.set_rows("predictions", n_rows);
        Ok(())
    }
}
