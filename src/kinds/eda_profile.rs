//! `eda.profile`: describes a table in figures, alerts and a page.
//! It does not know what the table is used for afterwards.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute,
    datatypes::{DataType, Float64Type, Int64Type, Schema},
    util::display::array_value_to_string,
};

use crate::{
    frame::Rows,
    kinds::eda::{
        Settings, alerts,
        columns::{self, Column},
        correlations, extremes, figures,
        histograms::{self, Drawing},
        page::{self, Profile},
    },
    ml::stats::levels::{mark, mix},
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, PortType},
        params::{Param, Shape},
        work::Work,
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
        "leave out every raw value: levels, most frequent and extreme values, first and last rows, and \
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
               values; dates in days since 1970-01-01); outliers by 1.5 interquartile ranges, and by a modified z-score \
               above 3.5 (MAD)",
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
               booleans with each other and with numbers, which are cut at their deciles for it; each pair once, on the rows where both have a value",
    },
    FixedOutput {
        name: "alerts",
        ty: PortType::Table,
        help: "what to look at, each with the line of the pipeline file that would answer it",
    },
    FixedOutput {
        name: "extremes",
        ty: PortType::Table,
        help: "the smallest and largest different values of numbers and dates (days since 1970-01-01), each with how often \
               it occurs; empty with `redact`",
    },
    FixedOutput { name: "report", ty: PortType::Report, help: "all of it on one page" },
];

impl Kind for EdaProfile {
    fn name(&self) -> &'static str {
        "eda.profile"
    }

    fn version(&self) -> u32 {
        8
    }

    fn about(&self) -> &'static str {
        "Describe a table: figures of every column, histograms, correlations, alerts with advice, and a page"
    }

    fn takes_turns(&self) -> bool {
        true
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
        let known: [(&str, Schema); 5] = [
            ("columns", figures::schema()),
            ("histograms", histograms::schema()),
            ("correlations", correlations::schema()),
            ("alerts", alerts::schema()),
            ("extremes", extremes::schema()),
        ];
        let schemas = known.map(|(port, schema)| (port.to_string(), Arc::new(schema)));
        Checked { schemas: schemas.into_iter().collect(), ..Checked::default() }
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let settings: Settings = ctx.params()?;
        let rows = ctx.rows("table")?;
        let (n_rows, n_columns) = (rows.n_rows(), rows.schema().fields().len());
        let (n_bytes, name) = largest_column(&rows).unwrap_or_default();
        let what = format!(
            "column `{name}` in order, the largest, and what is kept of all for correlations"
        );
        let at_once = ctx.hold_some(kept_bytes(&rows), n_bytes, n_columns, &what)?;
        let columns = describe(&rows, at_once, &settings, ctx.work)?;
        let pairs = correlations::all(&columns, ctx.work)?;
        let n_duplicates = duplicate_rows(&rows, ctx.work)?;
        let alerts = alerts::all(&columns, &pairs, n_rows, n_duplicates, &settings);
        let step = columns::step(n_rows);
        if step > 1 {
            ctx.note(format!(
                "correlations are those of one row in {step}, as there are more than {} rows",
                columns::EXACT_ROWS
            ));
        }
        ctx.write("columns", &figures::table(&columns, settings.redact)?)?;
        ctx.write("histograms", &histograms::table(&columns, &settings)?)?;
        ctx.write("correlations", &correlations::table(&columns, &pairs)?)?;
        ctx.write("alerts", &alerts::table(&columns, &alerts)?)?;
        ctx.write("extremes", &extremes::table(&columns, settings.redact)?)?;
        let head = ctx.head("table", page::HEAD_ROWS)?;
        let tail = rows.tail(page::HEAD_ROWS)?;
        let profile = Profile {
            head: &head,
            tail: &tail,
            n_rows,
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

/// Bytes that a column takes while it is described, as a multiple of its own: itself, its values, and their order.
const DESCRIBED: u64 = 4;

/// Returns how many bytes the largest column takes while it is described, and its name.
fn largest_column(rows: &Rows) -> Option<(u64, String)> {
    let fields = rows.schema().fields().iter();
    fields.map(|f| (rows.bytes_of(f.name()).saturating_mul(DESCRIBED), f.name().clone())).max()
}

/// Returns how many bytes are held until all columns are described: what correlations are computed of, and a mix of
/// each row.
fn kept_bytes(rows: &Rows) -> u64 {
    let fields = rows.schema().fields().iter();
    let kept = fields
        .map(|f| columns::kept_bytes(f.data_type(), rows.page_bytes(f.name()), rows.n_rows()));
    kept.sum::<u64>() + 2 * 8 * rows.n_rows() as u64
}

/// Describes column after column; a table may be larger than memory, a column may not.
fn describe(
    rows: &Rows,
    at_once: usize,
    settings: &Settings,
    work: &Work,
) -> Result<Vec<Column>, StageError> {
    let names: Vec<String> = rows.schema().fields().iter().map(|f| f.name().clone()).collect();
    let drawing = Drawing::of(settings);
    work.progress.set_total(names.len() as u64);
    let columns = work.pool.map_few(names.len(), at_once, |i| {
        work.check()?;
        let table = rows.table(Some(std::slice::from_ref(&names[i])), &work.pool)?;
        let column = Column::describe(&table, &names[i], &drawing)?;
        work.progress.advance(1);
        Ok(column)
    });
    columns.into_iter().collect()
}

/// Returns how many rows equal an earlier one in all columns but the id. Rows are compared by a 64-bit
/// mix of their cells, so that a table of a million rows is miscounted once in some ten million.
fn duplicate_rows(rows: &Rows, work: &Work) -> Result<usize, StageError> {
    let id = rows.id_name();
    let names = rows.schema().fields().iter().map(|f| f.name());
    let compared: Vec<String> = names.filter(|n| Some(*n) != id.as_ref()).cloned().collect();
    if compared.is_empty() {
        return Ok(0);
    }
    let mixed = rows.map(Some(&compared), &work.pool, |chunk| -> Result<_, StageError> {
        work.check()?;
        let mut mixed = vec![0; chunk.n_rows()];
        chunk.batch().columns().iter().for_each(|column| mix_in(&mut mixed, column));
        Ok(mixed)
    })?;
    let mut mixed = mixed.concat();
    mixed.sort_unstable();
    Ok(rows.n_rows() - mixed.chunk_by(|a, b| a == b).count())
}

/// Mixes the cells of a column into those of its rows; missing ones and NaN are equal.
fn mix_in(mixed: &mut [u64], column: &ArrayRef) {
    let mut take = |cells: &mut dyn Iterator<Item = u64>| {
        mixed.iter_mut().zip(cells).for_each(|(mixed, cell)| *mixed = mix(*mixed ^ cell));
    };
    const NONE: u64 = 0x7FF8_0000_0000_0000;
    let float = |v: f64| if v.is_nan() { NONE } else { (v + 0.0).to_bits() };
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>().iter();
            take(&mut texts.map(|text| text.map_or(NONE, mark)));
        }
        DataType::Float64 => {
            take(&mut column.as_primitive::<Float64Type>().iter().map(|v| v.map_or(NONE, float)));
        }
        DataType::Int64 => {
            let cells = column.as_primitive::<Int64Type>().iter();
            take(&mut cells.map(|v| v.map_or(NONE, |v| v as u64)));
        }
        _ => match compute::cast(column, &DataType::Int64) {
            Ok(cast) => {
                let cells = cast.as_primitive::<Int64Type>().iter();
                take(&mut cells.map(|v| v.map_or(NONE, |v| v as u64)));
            }
            Err(_) => {
                let text = |row| array_value_to_string(column, row).unwrap_or_default();
                take(&mut (0..column.len()).map(|row| mark(&text(row))));
            }
        },
    }
}
