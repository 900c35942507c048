//! `predict.batch`: a fitted classifier's answers for the rows of a table. It does not know which algorithm
//! answers, nor which columns it reads before the model is there.

use crate::{
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
        1
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
        let table = ctx.table("table")?;
        let p = classifier.predict(&table, ctx.work)?;
        let (id, ids) = table.id()?;
        ctx.write("predictions", &classifier.predictions((&id, ids), &p, None)?)
    }
}
