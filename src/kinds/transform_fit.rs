//! `transform.fit`: learns how a table becomes a matrix of features, and makes that matrix.
//! It does not know what the features are for.

use serde_json::Value;

use crate::{
    frame::Table,
    kinds::prepare::{self, Preparation, Settings},
    ml::Matrix,
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, PortType},
        params::Param,
    },
};

/// The kind.
pub struct TransformFit;

const NUMERIC: &[Param] = &prepare::numeric_params("\"mean\"", "\"standard\"");
const CATEGORICAL: &[Param] = &prepare::categorical_params("\"most_frequent\"", "\"onehot\"");

static PARAMS: &[Param] = &[
    prepare::COLUMNS,
    prepare::DROP,
    prepare::numeric(NUMERIC),
    prepare::categorical(CATEGORICAL),
    prepare::reduce(),
];

impl Kind for TransformFit {
    fn name(&self) -> &'static str {
        "transform.fit"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Make a matrix of features from a table: choose columns, impute, clip, make symmetric, scale, \
         encode, reduce; keep what was learnt as a model"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(&[InputPort {
            name: "table",
            ty: PortType::Table,
            required: true,
            help: "the rows to learn from",
        }])
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[
            FixedOutput {
                name: "matrix",
                ty: PortType::Matrix,
                help: "the id and one Float64 column a feature, in the table's row order",
            },
            FixedOutput {
                name: "model",
                ty: PortType::Transform,
                help: "what was learnt: a row a feature or level, with loadings of principal components",
            },
        ]
    }

    fn check(&self, given: &Given) -> Checked {
        let Ok(settings) = settings(&given.params) else { return Checked::default() };
        let schema = given.schema("table");
        Checked {
            problems: prepare::check(&settings, schema),
            notes: schema.map(|schema| prepare::notes(&settings, schema)).unwrap_or_default(),
            ..Checked::default()
        }
    }

    fn columns_read(
        &self,
        params: &Value,
        _port: &str,
        available: &[String],
        wanted: &[String],
    ) -> Vec<String> {
        let Ok(settings) = settings(params) else { return available.to_vec() };
        let read = prepare::columns_read(&settings, available);
        // The id is passed on under its own name.
        available.iter().filter(|n| read.contains(n) || wanted.contains(n)).cloned().collect()
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let settings = settings(ctx.raw_params())?;
        let table = ctx.table("table")?;
        let rows: Vec<usize> = (0..table.n_rows()).collect();
        let (preparation, notes) = Preparation::fit(&table, &rows, &settings, ctx.work)?;
        let matrix = preparation.apply(&table, ctx.work)?;
        notes.into_iter().for_each(|note| ctx.note(note));
        ctx.write("matrix", &matrix_table(&table, &preparation, &matrix)?)?;
        ctx.write("model", &preparation.to_table()?)
    }
}

fn settings(params: &Value) -> Result<Settings, StageError> {
    let settings: Settings = serde_json::from_value(params.clone())
        .map_err(|error| StageError::Internal(format!("parameters: {error}")))?;
    settings.or_both(NUMERIC, CATEGORICAL)
}

/// Puts the id before the features. A feature that is called like the id steps aside.
pub fn matrix_table(
    table: &Table,
    preparation: &Preparation,
    matrix: &Matrix,
) -> Result<Table, StageError> {
    let (id, values) = table.id()?;
    let mut names = preparation.feature_names();
    if let Some(name) = names.iter_mut().find(|name| **name == id) {
        name.push_str(" (2)");
    }
    Ok(Table::from_matrix((&id, values), &names, matrix)?)
}

#[cfg(test)]
mod tests;
