//! `transform.apply`: makes features of a table as a fitted transform has learnt to.
//! It learns nothing itself.

use crate::{
    kinds::{prepare::model, transform_fit::write_matrix},
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{FixedOutput, InputPort, Inputs, Kind, PortType},
        params::Param,
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

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let preparation = model::read(ctx.table("model"), "model")?;
        let rows = ctx.rows("table")?;
        write_matrix(ctx, &rows, &preparation)
    }
}
