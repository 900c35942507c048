//! What the five clusterers share: reading a matrix, writing labels, the long model table and the metrics row.
//! It does not know any algorithm.

mod model;

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, Float64Array, Int64Array},
    datatypes::{DataType, Field, SchemaRef},
    util::display::array_value_to_string,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    base::{canon, pool::Pool},
    frame::{
        Rows, Table,
        table::{ROW, float_array, id_of, schema_with_id, segment_array, text_array},
    },
    ml::{
        Matrix,
        cluster::{MAX_MAGNITUDE, MIN_MAGNITUDE, order, scores, silhouette::SAMPLE_SEED},
        rng::Rng,
    },
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, PortType},
        shared::Keep,
    },
};

pub(super) use model::{Model, Place, in_order};

/// The input of every clusterer.
pub(super) const INPUTS: Inputs = Inputs::Fixed(&[InputPort {
    name: "matrix",
    ty: PortType::Matrix,
    required: true,
    help: "numeric features without missing values, as `transform.fit` makes them",
}]);

/// The outputs of every clusterer.
pub(super) static OUTPUTS: [FixedOutput; 3] = [
    FixedOutput {
        name: "labels",
        ty: PortType::Labels,
        help: "id, segment (largest first; -1 is noise), confidence",
    },
    FixedOutput {
        name: "model",
        ty: PortType::Clusterer,
        help: "what was fitted, one value a row: `part`, `segment`, `feature`, `value`",
    },
    FixedOutput {
        name: "metrics",
        ty: PortType::Table,
        help: "one row of figures; above 15000 rows (noise left out) the silhouette is that of a random sample of \
               10000: `silhouette_rows`",
    },
];

/// Columns of cluster metrics beside `algorithm` and `params`, in order.
pub(super) const METRIC_COLUMNS: [(&str, DataType); 15] = [
    ("n_rows", DataType::Int64),
    ("n_segments", DataType::Int64),
    ("noise_share", DataType::Float64),
    ("min_share", DataType::Float64),
    ("max_share", DataType::Float64),
    ("silhouette", DataType::Float64),
    ("silhouette_rows", DataType::Int64),
    ("davies_bouldin", DataType::Float64),
    ("calinski_harabasz", DataType::Float64),
    ("inertia", DataType::Float64),
    ("log_likelihood", DataType::Float64),
    ("bic", DataType::Float64),
    ("aic", DataType::Float64),
    ("iterations", DataType::Int64),
    ("converged", DataType::Boolean),
];

/// Returns the schemas of `labels` (where the matrix's is known) and `metrics`.
pub(super) fn checked(given: &Given) -> Checked {
    let mut checked = Checked::default();
    let mut fields = vec![
        Field::new("algorithm", DataType::Utf8, true),
        Field::new("params", DataType::Utf8, true),
    ];
    fields.extend(METRIC_COLUMNS.iter().map(|(name, ty)| Field::new(*name, ty.clone(), true)));
    checked.schemas.insert("metrics".to_string(), Arc::new(schema_with_id(fields, None)));
    if let Some(matrix) = given.schema("matrix") {
        checked.schemas.insert("labels".to_string(), labels_schema(matrix));
    }
    checked
}

fn labels_schema(matrix: &SchemaRef) -> SchemaRef {
    let name = id_of(matrix).unwrap_or_else(|| ROW.to_string());
    let ty = matrix.field_with_name(&name).map_or(DataType::Int64, |f| f.data_type().clone());
    let fields = vec![
        Field::new(&name, ty, true),
        Field::new("segment", DataType::Int32, true),
        Field::new("confidence", DataType::Float64, true),
    ];
    Arc::new(schema_with_id(fields, Some(&name)))
}

/// A matrix with the names of its columns. The ids stay where they are until they are written.
pub(super) struct Features {
    rows: Rows,
    pub names: Vec<String>,
    pub x: Arc<Matrix>,
}

/// Reads the `matrix` input, after taking room for it and for the bytes that clustering so many rows and features needs
/// beside it.
///
/// # Errors
/// If there is no room, a column is not numeric, or a value is missing, infinite or too large to square: named by id and
/// column.
pub(super) fn read(
    ctx: &StageCtx<'_>,
    needs: impl Fn(usize, usize) -> usize,
) -> Result<Features, StageError> {
    let rows = ctx.rows("matrix")?;
    let id = rows.id_name();
    let names = rows.schema().fields().iter().map(|f| f.name().clone());
    let names: Vec<String> = names.filter(|name| Some(name) != id.as_ref()).collect();
    let (n, d) = (rows.n_rows(), names.len());
    let what = format!("{n} rows of {d} features in memory");
    ctx.hold((n * d * size_of::<f64>()).saturating_add(needs(n, d)) as u64, &what)?;
    // Stages beside each other cluster the same matrix.
    let read = || matrix(&rows, &names, &ctx.work.pool);
    let x = ctx.shared("matrix", "matrix", Keep::WhileUsed, read)?;
    Ok(Features { rows, names, x })
}

fn matrix(rows: &Rows, names: &[String], pool: &Pool) -> Result<Matrix, StageError> {
    let d = names.len();
    let mut x = Matrix::zeros(rows.n_rows(), d);
    let read = |chunk: Table| {
        let (names, part) = chunk.to_matrix()?;
        check_finite(&chunk, &names, &part)?;
        Ok((chunk.first_row(), part))
    };
    rows.fold(None, pool, read, |(first, part): (usize, Matrix)| {
        x.data_mut()[first * d..][..part.data().len()].copy_from_slice(part.data());
        Ok::<_, StageError>(())
    })?;
    match out_of_scale(names, &x) {
        None => Ok(x),
        Some(fact) => Err(StageError::Data(fact)),
    }
}

/// Returns the rows to cluster, ascending, where a sample was asked for that is shorter than `x`; `None` for all.
pub(super) fn sample_of(x: &Matrix, sample: Option<usize>, seed: u64) -> Option<Vec<usize>> {
    let n_drawn = sample.filter(|n| *n < x.n_rows())?;
    Some(Rng::new(seed).sample(x.n_rows(), n_drawn))
}

/// Tells of the sample that [`sample_of`] draws, if it draws one, and what became of the `others`.
pub(super) fn note_sample(
    ctx: &mut StageCtx<'_>,
    x: &Matrix,
    (sample, seed): (Option<usize>, u64),
    others: &str,
) {
    if let Some(n) = sample.filter(|n| *n < x.n_rows()) {
        let of = x.n_rows();
        ctx.note(format!(
            "clustered a random sample of {n} of {of} rows (seed {seed}); the others {others}"
        ));
    }
}

fn check_finite(chunk: &Table, names: &[String], x: &Matrix) -> Result<(), StageError> {
    let Some(at) = x.data().iter().position(|v| !v.is_finite()) else { return Ok(()) };
    let (row, column) = (at / x.n_cols(), at % x.n_cols());
    let (id_name, id) = chunk.id()?;
    let who = array_value_to_string(&id, row).unwrap_or_default();
    let fact = if x.data()[at].is_nan() { "no value" } else { "an infinite value" };
    Err(StageError::Data(format!(
        "column `{}` has {fact} for {id_name} {who} (row {}); \
         clustering needs a number in every cell: impute in `transform.fit`, as in `numeric: {{ impute: median }}`",
        names[column],
        chunk.first_row() + row
    )))
}

/// Returns what to say of a matrix whose distances no number holds: squares of its values are infinite, or vanish.
fn out_of_scale(names: &[String], x: &Matrix) -> Option<String> {
    let mut reach = vec![0.0_f64; x.n_cols()];
    for row in x.rows() {
        reach.iter_mut().zip(row).for_each(|(reach, v)| *reach = reach.max(v.abs()));
    }
    let mut widest = None;
    for (name, &reach) in names.iter().zip(&reach) {
        if widest.is_none_or(|(_, most)| reach > most) {
            widest = Some((name, reach));
        }
    }
    let (name, reach) = widest?;
    let fact = match reach {
        _ if reach > MAX_MAGNITUDE => "too large to square",
        _ if reach > 0.0 && reach < MIN_MAGNITUDE => "and no column more: too small to square",
        _ => return None,
    };
    Some(format!(
        "column `{name}` reaches {reach:e}, {fact}; scale it, as in `numeric: {{ scale: standard }}` of `transform.fit`"
    ))
}

/// A fitted clustering, ready to be written.
pub(super) struct Fitted {
    pub algorithm: &'static str,
    /// Ordered by size; -1 is noise.
    pub labels: Vec<i32>,
    /// One a row; NaN for none.
    pub confidence: Vec<f64>,
    pub figures: Figures,
}

/// Figures that only some algorithms have.
#[derive(Default)]
pub(super) struct Figures {
    pub inertia: Option<f64>,
    pub log_likelihood: Option<f64>,
    pub bic: Option<f64>,
    pub aic: Option<f64>,
    pub iterations: Option<usize>,
    pub converged: Option<bool>,
    /// How many micro-clusters were merged in the place of rows; told among the `params`.
    pub micro_clusters: Option<usize>,
}

/// Writes `labels`, `model` and `metrics`; `push_model` gives the model's numbers.
///
/// # Errors
/// If cancelled or a sink fails.
pub(super) fn write(
    ctx: &mut StageCtx<'_>,
    features: &Features,
    fitted: Fitted,
    push_model: impl FnOnce(&mut Model<'_>) -> Result<(), StageError>,
) -> Result<(), StageError> {
    let scores = scores::all(&features.x, &fitted.labels, ctx.work)?;
    if let Some(note) = sample_note(&fitted.labels, &scores) {
        ctx.note(note);
    }
    write_labels(ctx, &features.rows, &fitted)?;
    model::write(ctx, format!("cluster.{}", fitted.algorithm), push_model)?;
    let mut params = ctx.raw_params().clone();
    if let (Some(n), Some(params)) = (fitted.figures.micro_clusters, params.as_object_mut()) {
        params.insert("micro_clusters".to_string(), n.into());
    }
    let params = canon::to_string(&params);
    let metrics = metrics(fitted.algorithm, params, &fitted.labels, &scores, &fitted.figures)?;
    ctx.write("metrics", &metrics)
}

/// Writes `labels` as the ids are read.
fn write_labels(ctx: &mut StageCtx<'_>, rows: &Rows, fitted: &Fitted) -> Result<(), StageError> {
    let pool = ctx.work.pool.clone();
    let labels_of = |chunk: &Table| {
        let (id_name, id) = chunk.id()?;
        let own = chunk.first_row()..chunk.first_row() + chunk.n_rows();
        let columns = vec![
            (id_name.as_str(), id),
            ("segment", segment_array(fitted.labels[own.clone()].to_vec())),
            ("confidence", float_array(fitted.confidence[own].to_vec())),
        ];
        Table::new(Some(&id_name), columns)
    };
    let mut sink = ctx.table_sink("labels", labels_of(&rows.none())?.schema())?;
    let ids: Vec<String> = rows.id_name().into_iter().collect();
    let read = |chunk: Table| Ok::<_, StageError>(labels_of(&chunk)?);
    rows.fold(Some(&ids), &pool, read, |labels| sink.push_table(&labels))?;
    let n_rows = sink.finish()?;
    ctx.set_rows("labels", n_rows);
    Ok(())
}

/// Returns what to say where the silhouette is not that of all rows with a segment.
fn sample_note(labels: &[i32], scores: &scores::Scores) -> Option<String> {
    let n_rows = labels.iter().filter(|&&label| label >= 0).count();
    let n_sampled = scores.silhouette_rows.filter(|n| *n < n_rows)?;
    Some(format!(
        "the silhouette is that of a random sample of {n_sampled} of {n_rows} rows (seed {SAMPLE_SEED})"
    ))
}

fn metrics(
    algorithm: &str,
    params: String,
    labels: &[i32],
    scores: &scores::Scores,
    figures: &Figures,
) -> Result<Table, StageError> {
    let mut sizes = vec![0_usize; order::n_clusters(labels)];
    let mut n_noise = 0_usize;
    for &label in labels {
        match usize::try_from(label) {
            Ok(c) => sizes[c] += 1,
            Err(_) => n_noise += 1,
        }
    }
    sizes.retain(|&n| n > 0);
    let share =
        |n: Option<usize>| n.filter(|_| !labels.is_empty()).map(|n| n as f64 / labels.len() as f64);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("algorithm", text_array([algorithm])),
        ("params", text_array([params])),
        ("n_rows", count(Some(labels.len()))),
        ("n_segments", count(Some(sizes.len()))),
        ("noise_share", number(share(Some(n_noise)))),
        ("min_share", number(share(sizes.iter().copied().min()))),
        ("max_share", number(share(sizes.iter().copied().max()))),
        ("silhouette", number(scores.silhouette)),
        ("silhouette_rows", count(scores.silhouette_rows)),
        ("davies_bouldin", number(scores.davies_bouldin)),
        ("calinski_harabasz", number(scores.calinski_harabasz)),
        ("inertia", number(figures.inertia)),
        ("log_likelihood", number(figures.log_likelihood)),
        ("bic", number(figures.bic)),
        ("aic", number(figures.aic)),
        ("iterations", count(figures.iterations)),
        ("converged", Arc::new(BooleanArray::from(vec![figures.converged]))),
    ];
    Ok(Table::new(None, columns)?)
}

fn count(value: Option<usize>) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value.map(|v| v as i64)]))
}

fn number(value: Option<f64>) -> ArrayRef {
    Arc::new(Float64Array::from(vec![value]))
}

/// Says that there are fewer segments than were asked for.
pub(super) fn note_fewer(ctx: &mut StageCtx<'_>, wanted: usize, got: usize) {
    if got < wanted {
        ctx.note(format!("no more segments than distinct rows: {got} instead of {wanted}"));
    }
}

/// Says that the iteration cap was met.
pub(super) fn note_cap(ctx: &mut StageCtx<'_>, converged: bool, max_iter: usize) {
    if !converged {
        ctx.note(format!(
            "stopped at max_iter = {max_iter} before it converged; raise `max_iter` or `tol`"
        ));
    }
}

/// Reads the canonical parameters of another stage's kind.
///
/// # Errors
/// If they are not that kind's, which the plan has checked.
pub(super) fn params_of<'a, P: Deserialize<'a>>(params: &'a Value) -> Result<P, StageError> {
    P::deserialize(params).map_err(|error| StageError::Internal(error.to_string()))
}

#[cfg(test)]
mod tests;
