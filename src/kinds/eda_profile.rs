//! `eda.profile`: describes a table in figures, alerts and a page.
//! It does not know what the table is used for afterwards.

use std::sync::Arc;

use arrow::datatypes::Schema;

use crate::{
    frame::Table,
    kinds::eda::{
        Settings, alerts, columns::Column, correlations, figures, histograms, page::Profile,
    },
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, PortType},
        params::{Param, Shape},
        work::{Cancelled, Work},
    },
};

/// The kind `eda.profile`.
pub struct EdaProfile;

static PARAMS: &[Param] = &[
    Param::with_default(
        "bins",
        Shape::Int { min: 1, max: 1000 },
        "30",
        "most bins of a histogram (whole numbers get bins of whole width)",
    ),
    Param::with_default(
        "top_levels",
        Shape::Int { min: 1, max: 10_000 },
        "20",
        "levels counted one by one in `histograms`; the rest are one, `(other)`",
    ),
    Param::with_default(
        "correlation",
        Shape::SHARE,
        "0.9",
        "alert for two columns whose correlation (any method, either sign) reaches this",
    ),
    Param::with_default("missing", Shape::SHARE, "0.05", "alert from this share of missing values"),
    Param::with_default(
        "skewness",
        Shape::NOT_NEGATIVE,
        "1",
        "alert from this skewness, either sign",
    ),
    Param::with_default(
        "outliers",
        Shape::SHARE,
        "0.05",
        "alert from this share of values more than 1.5 interquartile ranges outside the quartiles",
    ),
    Param::with_default("zeros", Shape::SHARE, "0.5", "alert from this share of zeros"),
    Param::with_default(
        "min_frequency",
        Shape::SHARE,
        "0.01",
        "a level with a smaller share is rare",
    ),
    Param::with_default(
        "max_levels",
        Shape::int_from(1),
        "50",
        "alert for a text column with more levels than this",
    ),
    Param::with_default(
        "redact",
        Shape::Bool,
        "false",
        "leave out every raw value: levels, most frequent values, minimum and maximum, first rows, and \
         percentiles with fewer than 10 rows beyond them",
    ),
];

static INPUTS: &[InputPort] = &[InputPort {
    name: "table",
    ty: PortType::Table,
    required: true,
    help: "the table to describe",
}];

static OUTPUTS: &[FixedOutput] = &[
    FixedOutput {
        name: "columns",
        ty: PortType::Table,
        help: "one row a column: counts, moments, quantiles (ddof 1, linear, bias-corrected, as pandas; over finite \
               values; dates in days since 1970-01-01)",
    },
    FixedOutput {
        name: "histograms",
        ty: PortType::Table,
        help: "bins of numbers and dates (upper edge excluded but in the last), levels of text and booleans",
    },
    FixedOutput {
        name: "correlations",
        ty: PortType::Table,
        help: "pearson and spearman of numbers and booleans, plain cramers_v of text (up to 100 levels) and \
               booleans; each pair once, on the rows where both have a value",
    },
    FixedOutput {
        name: "alerts",
        ty: PortType::Table,
        help: "what to look at, each with the line of the pipeline file that would answer it",
    },
    FixedOutput { name: "report", ty: PortType::Report, help: "all of it on one page" },
];

impl Kind for EdaProfile {
    fn name(&self) -> &'static str {
        "eda.profile"
    }

    fn version(&self) -> u32 {
        2
    }

    fn about(&self) -> &'static str {
        "Describe a table: figures of every column, histograms, correlations, alerts with advice, and a page"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(INPUTS)
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        OUTPUTS
    }

    fn check(&self, _given: &Given) -> Checked {
        let known: [(&str, Schema); 4] = [
            ("columns", figures::schema()),
            ("histograms", histograms::schema()),
            ("correlations", correlations::schema()),
            ("alerts", alerts::schema()),
        ];
        let schemas = known.map(|(port, schema)| (port.to_string(), Arc::new(schema)));
        Checked { schemas: schemas.into_iter().collect(), ..Checked::default() }
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let settings: Settings = ctx.params()?;
        let table = ctx.table("table")?;
        let columns = describe(&table, ctx.work)?;
        let pairs = correlations::all(&columns, ctx.work)?;
        let n_duplicates = duplicate_rows(&columns, table.n_rows(), ctx.work)?;
        let alerts = alerts::all(&columns, &pairs, table.n_rows(), n_duplicates, &settings);
        ctx.write("columns", &figures::table(&columns, settings.redact)?)?;
        ctx.write("histograms", &histograms::table(&columns, &settings)?)?;
        ctx.write("correlations", &correlations::table(&columns, &pairs)?)?;
        ctx.write("alerts", &alerts::table(&columns, &alerts)?)?;
        let profile = Profile {
            table: &table,
            columns: &columns,
            pairs: &pairs,
            alerts: &alerts,
            n_duplicates,
            settings: &settings,
        };
        ctx.write_bytes("report", profile.html()?.as_bytes())?;
        let errors = alerts.iter().filter(|a| a.severity == alerts::Severity::Error).count();
        if errors > 0 {
            ctx.note(format!("{errors} of {} alerts are errors: see `alerts`", alerts.len()));
        }
        Ok(())
    }
}

fn describe(table: &Table, work: &Work) -> Result<Vec<Column>, StageError> {
    let names = table.names();
    work.progress.set_total(names.len() as u64);
    let columns = work.pool.map(names.len(), |i| {
        work.check()?;
        let column = Column::describe(table, &names[i])?;
        work.progress.advance(1);
        Ok(column)
    });
    columns.into_iter().collect()
}

/// Returns how many rows equal an earlier one in all columns but the id. Rows are compared by a 64-bit
/// mix of their cells, so that a table of a million rows is miscounted once in some ten million.
fn duplicate_rows(columns: &[Column], n_rows: usize, work: &Work) -> Result<usize, Cancelled> {
    let compared: Vec<&Column> = columns.iter().filter(|c| !c.is_id).collect();
    work.check()?;
    if compared.is_empty() {
        return Ok(0);
    }
    let mixed = work.pool.map_chunks(n_rows, |rows| {
        let row_mix = |row| compared.iter().fold(0, |hash, column| mix(hash ^ column.cell(row)));
        rows.map(row_mix).collect::<Vec<u64>>()
    });
    let mut mixed = mixed.concat();
    mixed.sort_unstable();
    Ok(n_rows - mixed.chunk_by(|a, b| a == b).count())
}

/// A bijective mix of 64 bits (the finaliser of MurmurHash3), after a step that moves zero.
fn mix(value: u64) -> u64 {
    let mut x = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    x = (x ^ (x >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    x ^ (x >> 33)
}
