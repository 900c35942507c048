//! A preparation as operators: the features that [`Preparation::apply`] gives, computed by another program. It does not know
//! what the features are for.
//!
//! A value that has no feature (an infinite one, an unknown level where that is an error) refuses its row.

use super::{
    Column, Preparation,
    categorical::CategoricalColumn,
    numeric::{NumericColumn, Power},
    settings::{Encode, Unknown},
};
use crate::{
    frame::{
        expr::types::Ty,
        onnx::{Attribute, Columns, Graph, Inexpressible, Tensor, graph::Elem},
    },
    ml::pca::Pca,
};

type Result<T> = std::result::Result<T, Inexpressible>;

/// Features of one group of columns, and the place of each among all features.
struct Part {
    features: Tensor,
    places: Vec<usize>,
}

impl Preparation {
    /// Writes the features, of shape `[rows, features]`, and refuses the rows that have none.
    ///
    /// # Errors
    /// If a column is not there, or of a type whose levels have no operator.
    pub fn graph(&self, columns: &mut Columns, graph: &mut Graph) -> Result<Tensor> {
        let mut place = 0;
        let mut numeric: Vec<(&NumericColumn, usize)> = Vec::new();
        let mut parts = Vec::new();
        for column in &self.columns {
            match column {
                Column::Numeric(column) => numeric.push((column, place)),
                Column::Categorical(column) => {
                    let features = levels(column, columns, graph)
                        .map_err(|error| error.of(&format!("column `{}`", column.column)))?;
                    parts
                        .push(Part { features, places: (place..place + column.width()).collect() });
                }
            }
            place += column.width();
        }
        let kind = |power: Power| std::mem::discriminant(&power);
        while let Some((first, _)) = numeric.first() {
            let wanted = kind(first.power);
            let (alike, others): (Vec<_>, Vec<_>) =
                numeric.into_iter().partition(|(c, _)| kind(c.power) == wanted);
            numbers(&alike, columns, graph, &mut parts)?;
            numeric = others;
        }
        let features = joined(parts, graph);
        Ok(match &self.pca {
            Some(pca) => reduced(pca, &features, graph),
            None => features,
        })
    }
}

/// Puts parts side by side, each feature in its place.
fn joined(parts: Vec<Part>, graph: &mut Graph) -> Tensor {
    let all: Vec<&Tensor> = parts.iter().map(|part| &part.features).collect();
    let joined = graph.op_with("Concat", &all, vec![("axis", Attribute::Int(1))]);
    let places: Vec<usize> = parts.iter().flat_map(|part| part.places.iter().copied()).collect();
    if places.is_sorted() {
        return joined;
    }
    let mut from = vec![0; places.len()];
    places.iter().zip(0..).for_each(|(&place, i)| from[place] = i);
    let from = graph.ints(&[from.len() as i64], &from);
    graph.op_with("Gather", &[&joined, &from], vec![("axis", Attribute::Int(1))])
}

/// Writes columns of numbers that share a power transformation, all at once.
fn numbers(
    group: &[(&NumericColumn, usize)],
    columns: &mut Columns,
    graph: &mut Graph,
    parts: &mut Vec<Part>,
) -> Result<()> {
    let mut raw = Vec::with_capacity(group.len());
    for (column, _) in group {
        let cell = columns.get(&column.column)?;
        let whose = format!("column `{}`", column.column);
        let mut value = cell.floats(graph).map_err(|error| error.of(&whose))?;
        if cell.ty == Ty::Timestamp {
            value = graph.with("Div", &value, crate::frame::onnx::time::DAY);
        }
        raw.push(graph.upright(&value));
    }
    let raw: Vec<&Tensor> = raw.iter().collect();
    let raw = graph.op_with("Concat", &raw, vec![("axis", Attribute::Int(1))]);
    let row = |of: &dyn Fn(&NumericColumn) -> f64, graph: &mut Graph| {
        let values: Vec<f64> = group.iter().map(|(column, _)| of(column)).collect();
        graph.doubles(&[1, values.len() as i64], &values)
    };
    let missing = graph.op("IsNaN", &[&raw]);
    let mut value = raw.clone();
    if group.iter().any(|(column, _)| column.fill.is_some()) {
        let fill = row(&|column| column.fill.unwrap_or(f64::NAN), graph);
        value = graph.op("Where", &[&missing, &fill, &value]);
    }
    if group.iter().any(|(column, _)| column.clip.is_some()) {
        let low = row(&|column| column.clip.map_or(f64::NEG_INFINITY, |c| c.0), graph);
        let high = row(&|column| column.clip.map_or(f64::INFINITY, |c| c.1), graph);
        // Comparisons leave NaN as it is, which `Max` and `Min` of all programs do not.
        let below = graph.op("Less", &[&value, &low]);
        value = graph.op("Where", &[&below, &low, &value]);
        let above = graph.op("Greater", &[&value, &high]);
        value = graph.op("Where", &[&above, &high, &value]);
    }
    value = match group.first().map(|(column, _)| column.power) {
        Some(Power::Log1p) => ln_1p(&value, graph),
        Some(Power::YeoJohnson(_)) => {
            let exponent = |column: &NumericColumn| match column.power {
                Power::YeoJohnson(lambda) => lambda,
                _ => 1.0,
            };
            let lambda = row(&exponent, graph);
            yeo_johnson(&value, &lambda, graph)
        }
        _ => value,
    };
    if group.iter().any(|(column, _)| column.center != 0.0) {
        let center = row(&|column| column.center, graph);
        value = graph.op("Sub", &[&value, &center]);
    }
    if group.iter().any(|(column, _)| column.scale != 1.0) {
        let scale = row(&|column| column.scale, graph);
        value = graph.op("Div", &[&value, &scale]);
    }
    refuse_infinite(&raw, &value, &missing, columns, graph);
    parts.push(Part { features: value, places: group.iter().map(|(_, place)| *place).collect() });
    let told: Vec<i64> =
        group.iter().zip(0..).filter(|((c, _), _)| c.indicator).map(|(_, i)| i).collect();
    if !told.is_empty() {
        let places =
            group.iter().filter(|(c, _)| c.indicator).map(|(_, place)| place + 1).collect();
        let missing = graph.cast(&missing, Elem::Double);
        let told = graph.ints(&[told.len() as i64], &told);
        let features =
            graph.op_with("Gather", &[&missing, &told], vec![("axis", Attribute::Int(1))]);
        parts.push(Part { features, places });
    }
    Ok(())
}

/// Refuses rows with an infinite value, or one that cannot be transformed.
fn refuse_infinite(
    raw: &Tensor,
    value: &Tensor,
    missing: &Tensor,
    columns: &mut Columns,
    graph: &mut Graph,
) {
    // What is taken from itself leaves nothing, unless it is infinite or no number.
    let residue = |v: &Tensor, graph: &mut Graph| {
        let size = graph.op("Sub", &[v, v]);
        graph.op("IsNaN", &[&size])
    };
    let (before, after) = (residue(raw, graph), residue(value, graph));
    let wrong = graph.op("Or", &[&before, &after]);
    let there = graph.not(missing);
    let wrong = graph.op("And", &[&wrong, &there]);
    let right = none_of(&wrong, graph);
    columns.only(&right, graph);
}

/// Tells the rows in which nothing is true.
fn none_of(truths: &Tensor, graph: &mut Graph) -> Tensor {
    let numbers = graph.cast(truths, Elem::Double);
    let axis = graph.ints(&[1], &[1]);
    let any = graph.op_with("ReduceMax", &[&numbers, &axis], vec![("keepdims", Attribute::Int(0))]);
    graph.with("Less", &any, 0.5)
}

/// ln(1 + x) without losing the digits of a small x (Kahan's way; there is no operator for it).
fn ln_1p(x: &Tensor, graph: &mut Graph) -> Tensor {
    let sum = graph.with("Add", x, 1.0);
    let kept = graph.with("Sub", &sum, 1.0);
    let log = graph.op("Log", &[&sum]);
    let nothing = graph.with("Equal", &kept, 0.0);
    let infinite = graph.with("Equal", &sum, f64::INFINITY);
    let as_it_is = graph.op("Or", &[&nothing, &infinite]);
    let one = graph.double(1.0);
    let by = graph.op("Where", &[&as_it_is, &one, &kept]);
    let ratio = graph.op("Div", &[x, &by]);
    let exact = graph.op("Mul", &[&log, &ratio]);
    graph.op("Where", &[&as_it_is, x, &exact])
}

/// e^x - 1 without losing the digits of a small x (Kahan's way).
fn expm1(x: &Tensor, graph: &mut Graph) -> Tensor {
    let power = graph.op("Exp", &[x]);
    let less = graph.with("Sub", &power, 1.0);
    let nothing = graph.with("Equal", &less, 0.0);
    let log = graph.op("Log", &[&power]);
    let one = graph.double(1.0);
    let by = graph.op("Where", &[&nothing, &one, &log]);
    let ratio = graph.op("Div", &[x, &by]);
    let exact = graph.op("Mul", &[&less, &ratio]);
    // Far from 0 the difference itself is exact enough, and its logarithm may be infinite.
    let size = graph.op("Abs", &[x]);
    let large = graph.with("Greater", &size, 1.0);
    let exact = graph.op("Where", &[&large, &less, &exact]);
    graph.op("Where", &[&nothing, x, &exact])
}

fn yeo_johnson(x: &Tensor, lambda: &Tensor, graph: &mut Graph) -> Tensor {
    let negative = graph.with("Less", x, 0.0);
    let two = graph.double(2.0);
    let mirrored = graph.op("Sub", &[&two, lambda]);
    let exponent = graph.op("Where", &[&negative, &mirrored, lambda]);
    let size = graph.op("Abs", &[x]);
    let log = ln_1p(&size, graph);
    let near = graph.op("Abs", &[&exponent]);
    let near = graph.with("Less", &near, f64::EPSILON);
    let scaled = graph.op("Mul", &[&exponent, &log]);
    let grown = expm1(&scaled, graph);
    let one = graph.double(1.0);
    let by = graph.op("Where", &[&near, &one, &exponent]);
    let grown = graph.op("Div", &[&grown, &by]);
    let size = graph.op("Where", &[&near, &log, &grown]);
    let opposite = graph.op("Neg", &[&size]);
    graph.op("Where", &[&negative, &opposite, &size])
}

/// Writes a column of levels.
fn levels(column: &CategoricalColumn, columns: &mut Columns, graph: &mut Graph) -> Result<Tensor> {
    let places = column.places();
    let cell = columns.get(&column.column)?.clone();
    let unknown = places.unknown.map_or(-1, |slot| slot as i64);
    let known: Vec<(&str, i64)> =
        places.known.iter().map(|(text, slot)| (*text, *slot as i64)).collect();
    let mut present = cell.present.clone();
    let found = match cell.ty {
        Ty::Text => graph.learned(
            "LabelEncoder",
            &[&cell.value],
            vec![
                (
                    "keys_strings",
                    Attribute::Texts(known.iter().map(|(t, _)| (*t).to_string()).collect()),
                ),
                ("values_int64s", Attribute::Ints(known.iter().map(|(_, slot)| *slot).collect())),
                ("default_int64", Attribute::Int(unknown)),
            ],
        ),
        Ty::Bool => {
            let slot = |text: &str| known.iter().find(|(t, _)| *t == text).map_or(unknown, |k| k.1);
            let (yes, no) = (graph.ints(&[], &[slot("true")]), graph.ints(&[], &[slot("false")]));
            graph.op("Where", &[&cell.value, &yes, &no])
        }
        Ty::Int | Ty::Float => {
            if cell.may_be_nan {
                let nan = graph.op("IsNaN", &[&cell.value]);
                let there = graph.not(&nan);
                present = graph.and(&present, &Some(there));
            }
            number_levels(&cell.value, &known, unknown, graph)
        }
        other => {
            return Err(Inexpressible::new(format!(
                "there is no operator for levels of a {}",
                other.word()
            )));
        }
    };
    let slots = match present {
        Some(present) => {
            let missing = graph.ints(&[], &[places.missing.map_or(unknown, |slot| slot as i64)]);
            graph.op("Where", &[&present, &found, &missing])
        }
        None => found,
    };
    if column.unknown == Unknown::Error {
        let none = graph.ints(&[], &[0]);
        let is_known = graph.op("GreaterOrEqual", &[&slots, &none]);
        columns.only(&is_known, graph);
    }
    let slots = graph.upright(&slots);
    if column.encode == Encode::Onehot {
        let all: Vec<i64> = (0..column.width() as i64).collect();
        let all = graph.ints(&[1, all.len() as i64], &all);
        let own = graph.op("Equal", &[&slots, &all]);
        return Ok(graph.cast(&own, Elem::Double));
    }
    // The last one stands for -1, too, which counts from the end.
    let codes: Vec<f64> = column.codes().iter().copied().chain([column.unknown_code()]).collect();
    let codes = graph.doubles(&[codes.len() as i64], &codes);
    Ok(graph.op("Gather", &[&codes, &slots]))
}

/// Finds the slots of numbers, whose levels are kept as texts.
fn number_levels(value: &Tensor, known: &[(&str, i64)], unknown: i64, graph: &mut Graph) -> Tensor {
    let number = |(text, slot): &(&str, i64)| {
        let number: f64 = text.parse().ok()?;
        // A level that is spelled otherwise than a number is, no number has.
        (number.is_finite() && (number + 0.0).to_string() == *text).then_some((number, *slot))
    };
    let mut keys: Vec<f64> = vec![f64::NAN];
    let mut slots = vec![unknown];
    for (number, slot) in known.iter().filter_map(number) {
        keys.push(number);
        slots.push(slot);
    }
    let keys = graph.doubles(&[1, keys.len() as i64], &keys);
    let slots = graph.ints(&[slots.len() as i64], &slots);
    let value = graph.upright(value);
    let equal = graph.op("Equal", &[&value, &keys]);
    let equal = graph.cast(&equal, Elem::Double);
    // Where none is equal, the first one is the largest, which is that of the unknown.
    let settings = vec![("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))];
    let first = graph.op_with("ArgMax", &[&equal], settings);
    graph.op("Gather", &[&slots, &first])
}

fn reduced(pca: &Pca, features: &Tensor, graph: &mut Graph) -> Tensor {
    let (n, k) = (pca.mean.len() as i64, pca.components.len() as i64);
    let mean = graph.doubles(&[1, n], &pca.mean);
    let centred = graph.op("Sub", &[features, &mean]);
    let loadings: Vec<f64> =
        (0..pca.mean.len()).flat_map(|i| pca.components.iter().map(move |c| c[i])).collect();
    let loadings = graph.doubles(&[n, k], &loadings);
    let scores = graph.op("MatMul", &[&centred, &loadings]);
    if !pca.whiten {
        return scores;
    }
    let scales = graph.doubles(&[1, k], &pca.scales());
    graph.op("Div", &[&scores, &scales])
}
