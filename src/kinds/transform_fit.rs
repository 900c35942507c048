//! `transform.fit`: learns how a table becomes a matrix of features, and makes that matrix.
//! It does not know what the features are for.

use serde_json::Value;

use crate::{
    frame::{
        Rows, Table,
        onnx::{Cell, Columns, Graph, Inexpressible},
    },
    kinds::prepare::{self, Preparation, Settings, model},
    ml::Matrix,
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, Lookup, PortType},
        params::Param,
        row_by_row::{Applied, RowByRow},
        work::Work,
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
        2
    }

    fn about(&self) -> &'static str {
        "Make a matrix of features from a table: choose columns, impute, clip, make symmetric, scale, \
         encode, reduce; keep what was learnt as a model"
    }

    fn takes_turns(&self) -> bool {
        true
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

    fn row_input(&self) -> Option<&'static str> {
        Some("table")
    }

    fn row_by_row(
        &self,
        _params: &Value,
        lookup: Lookup<'_>,
    ) -> Result<Option<Box<dyn RowByRow>>, StageError> {
        // What was fitted is applied as it is: fitting it again would place the new rows on a scale of their own.
        Ok(Some(Box::new(model::read(lookup("model"), "model")?)))
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let settings = settings(ctx.raw_params())?;
        let rows = ctx.rows("table")?;
        let (n_bytes, name) = prepare::largest_column(&rows, &settings)?.unwrap_or_default();
        let what = format!("column `{name}` in order, the largest that is learnt from");
        let at_once = ctx.hold_some(0, n_bytes, rows.schema().fields().len(), &what)?;
        let (preparation, notes) = Preparation::fit_all(&rows, at_once, &settings, ctx.work)?;
        notes.into_iter().for_each(|note| ctx.note(note));
        write_matrix(ctx, &rows, &preparation)?;
        ctx.write("model", &preparation.to_table()?)
    }
}

fn settings(params: &Value) -> Result<Settings, StageError> {
    let settings: Settings = serde_json::from_value(params.clone())
        .map_err(|error| StageError::Internal(format!("parameters: {error}")))?;
    settings.or_both(NUMERIC, CATEGORICAL)
}

impl RowByRow for Preparation {
    fn apply(&self, rows: &Table, work: &Work) -> Result<Applied, StageError> {
        let matrix = Preparation::apply(self, rows, work)?;
        Ok(Applied::all(matrix_table(rows, self, &matrix)?))
    }

    fn graph(
        &self,
        columns: &mut Columns,
        _wanted: &[String],
        graph: &mut Graph,
    ) -> Result<(), Inexpressible> {
        let features = Preparation::graph(self, columns, graph)?;
        let cell = |(name, i)| (name, Cell::numbers(graph.nth(&features, i)));
        let cells = self.feature_names().into_iter().zip(0..).map(cell).collect();
        columns.replace(cells);
        Ok(())
    }
}

/// Writes the matrix of all rows, chunk by chunk.
///
/// # Errors
/// If a row has a value without a feature, or the sink fails.
pub fn write_matrix(
    ctx: &mut StageCtx<'_>,
    rows: &Rows,
    preparation: &Preparation,
) -> Result<(), StageError> {
    let work = ctx.work;
    let features = |chunk: Table| -> Result<Table, StageError> {
        let matrix = preparation.apply(&chunk, work)?;
        work.progress.advance(chunk.n_rows() as u64);
        matrix_table(&chunk, preparation, &matrix)
    };
    let mut sink = ctx.table_sink("matrix", features(rows.none())?.schema())?;
    let columns = preparation.columns_in(rows);
    rows.fold(Some(&columns), &work.pool, features, |table| sink.push_table(&table))?;
    let n_rows = sink.finish()?;
    ctx.set_rows("matrix", n_rows);
    Ok(())
}

/// Puts the id before the features. A feature that is called like the id steps aside.
fn matrix_table(
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
