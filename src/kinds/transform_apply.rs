//! `transform.apply`: makes features of a table as a fitted transform has learnt to.
//! It learns nothing itself.

use serde_json::Value;

use crate::{
    kinds::{prepare::model, transform_fit::write_matrix},
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{FixedOutput, InputPort, Inputs, Kind, Lookup, PortType},
        params::Param,
        row_by_row::RowByRow,
    },
};

/// The kind.
pub struct TransformApply;

impl Kind for TransformApply {
    fn name(&self) -> &'static str {
        "transform.apply"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Make the features that a fitted transform makes, of other rows"
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
                help: "the rows to transform",
            },
            InputPort {
                name: "model",
                ty: PortType::Transform,
                required: true,
                help: "the `model` of a transform.fit",
            },
        ])
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[FixedOutput {
            name: "matrix",
            ty: PortType::Matrix,
            help: "the id and one Float64 column a feature, in the table's row order",
        }]
    }

    fn row_input(&self) -> Option<&'static str> {
        Some("table")
    }

    fn row_by_row(
        &self,
        _params: &Value,
        lookup: Lookup<'_>,
    ) -> Result<Option<Box<dyn RowByRow>>, StageError> {
        Ok(Some(Box::new(model::read(lookup("model"), "model")?)))
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let preparation = model::read(ctx.table("model"), "model")?;
        let rows = ctx.rows("table")?;
        write_matrix(ctx, &rows, &preparation)
    }
}
