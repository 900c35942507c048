//! Functions and arithmetic of expressions as operators, where onnxruntime has them in double precision. It does not know
//! how operands were computed.

use arrow::array::{Array, AsArray};

use super::{
    Inexpressible,
    columns::Cell,
    graph::{Elem, Graph, Tensor},
    scalar::Writer,
    time,
};
use crate::frame::expr::{
    bind::{Bound, Op},
    calendar::Unit,
    functions::{self, Overload},
    types::Ty,
};

type Result<T> = std::result::Result<T, Inexpressible>;

/// Writes a call.
///
/// # Errors
/// If the function has no operators; the text names it.
pub fn call(writer: &mut Writer<'_>, overload: &'static Overload, args: &[Bound]) -> Result<Cell> {
    let name = functions::name_of(overload).unwrap_or("?");
    let unknown = || Inexpressible::new(format!("there is no operator for `{name}`"));
    if overload.takes.contains(&Ty::Interval) || overload.gives == Ty::Interval {
        return Err(unknown());
    }
    match (name, args) {
        ("like" | "ilike" | "contains" | "starts_with" | "ends_with" | "regexp_full_match", _) => {
            return pattern(writer, name, args);
        }
        ("date_diff", [unit, from, to]) => return date_diff(writer, unit, from, to),
        ("round" | "trunc", [x, digits]) if overload.gives == Ty::Float => {
            return scaled(writer, name, x, digits);
        }
        _ => {}
    }
    let cells = writer.cells(args)?;
    let whole = overload.gives == Ty::Int;
    let present = present(&cells, writer.graph);
    let values: Vec<&Tensor> = cells.iter().map(|cell| &cell.value).collect();
    if let ("//" | "%", [x, y], true) = (name, &values[..], whole) {
        return Ok(whole_division(writer, name, x, y, present));
    }
    let graph = &mut *writer.graph;
    let value = match (name, &values[..]) {
        ("+", [x, y]) => graph.op("Add", &[x, y]),
        ("-", [x, y]) => graph.op("Sub", &[x, y]),
        ("*", [x, y]) => graph.op("Mul", &[x, y]),
        ("/", [x, y]) => graph.op("Div", &[x, y]),
        ("%", [x, y]) => graph.op_with("Mod", &[x, y], vec![("fmod", super::Attribute::Int(1))]),
        ("pow", [x, y]) => graph.op("Pow", &[x, y]),
        ("negate", [x]) => graph.op("Neg", &[x]),
        ("abs", [x]) => graph.op("Abs", &[x]),
        ("round" | "trunc", [x, ..]) if whole && cells.len() == 1 => (*x).clone(),
        ("round", [x]) => rounded(x, graph),
        ("trunc", [x]) => truncated(x, graph),
        ("floor", [x]) => graph.op("Floor", &[x]),
        ("ceil", [x]) => graph.op("Ceil", &[x]),
        ("sqrt", [x]) => graph.op("Sqrt", &[x]),
        ("exp", [x]) => graph.op("Exp", &[x]),
        ("ln", [x]) => graph.op("Log", &[x]),
        ("log10", [x]) | ("log", [x]) => logarithm(x, std::f64::consts::LN_10, graph),
        ("log2", [x]) => logarithm(x, std::f64::consts::LN_2, graph),
        ("log", [base, x]) => {
            let (base, x) = (graph.op("Log", &[base]), graph.op("Log", &[x]));
            graph.op("Div", &[&x, &base])
        }
        ("sin", [x]) => graph.op("Sin", &[x]),
        ("cos", [x]) => graph.op("Cos", &[x]),
        ("degrees", [x]) => graph.with("Mul", x, 180.0 / std::f64::consts::PI),
        ("radians", [x]) => graph.with("Mul", x, std::f64::consts::PI / 180.0),
        ("pi", []) => graph.double(std::f64::consts::PI),
        ("sign", [x]) => sign(x, graph),
        ("isnan", [x]) => graph.op("IsNaN", &[x]),
        ("isinf", [x]) => {
            let size = graph.op("Abs", &[x]);
            graph.with("Equal", &size, f64::INFINITY)
        }
        ("isfinite", [x]) => {
            let size = graph.op("Abs", &[x]);
            graph.with("Less", &size, f64::INFINITY)
        }
        ("||", [x, y]) => graph.op("StringConcat", &[x, y]),
        (_, [x]) if overload.takes == [Ty::Timestamp] => {
            part(name, x, graph).ok_or_else(unknown)?
        }
        _ => return Err(unknown()),
    };
    let may_be_nan = overload.gives == Ty::Float;
    Ok(Cell { ty: overload.gives, value, present, may_be_nan })
}

fn present(cells: &[Cell], graph: &mut Graph) -> Option<Tensor> {
    cells.iter().fold(None, |all, cell| graph.and(&all, &cell.present))
}

fn logarithm(x: &Tensor, ln_base: f64, graph: &mut Graph) -> Tensor {
    let log = graph.op("Log", &[x]);
    graph.with("Div", &log, ln_base)
}

/// Unlike the operator of that name, 0 for NaN.
fn sign(x: &Tensor, graph: &mut Graph) -> Tensor {
    let (up, down) = (graph.with("Greater", x, 0.0), graph.with("Less", x, 0.0));
    let (up, down) = (graph.cast(&up, Elem::Double), graph.cast(&down, Elem::Double));
    graph.op("Sub", &[&up, &down])
}

/// Half away from zero, while the operator `Round` is half to even.
fn rounded(x: &Tensor, graph: &mut Graph) -> Tensor {
    let size = graph.op("Abs", &[x]);
    let floor = graph.op("Floor", &[&size]);
    let rest = graph.op("Sub", &[&size, &floor]);
    let up = graph.with("GreaterOrEqual", &rest, 0.5);
    let up = graph.cast(&up, Elem::Double);
    let size = graph.op("Add", &[&floor, &up]);
    with_sign_of(x, &size, graph)
}

fn truncated(x: &Tensor, graph: &mut Graph) -> Tensor {
    let size = graph.op("Abs", &[x]);
    let floor = graph.op("Floor", &[&size]);
    with_sign_of(x, &floor, graph)
}

fn with_sign_of(x: &Tensor, size: &Tensor, graph: &mut Graph) -> Tensor {
    let negative = graph.with("Less", x, 0.0);
    let opposite = graph.op("Neg", &[size]);
    graph.op("Where", &[&negative, &opposite, size])
}

fn whole_division(
    writer: &mut Writer<'_>,
    name: &str,
    x: &Tensor,
    y: &Tensor,
    present: Option<Tensor>,
) -> Cell {
    let zero = writer.graph.with("Equal", y, 0.0);
    writer.refuse(&zero, &present);
    let graph = &mut *writer.graph;
    let value = match name {
        "//" => {
            let quotient = graph.op("Div", &[x, y]);
            truncated(&quotient, graph)
        }
        _ => graph.op_with("Mod", &[x, y], vec![("fmod", super::Attribute::Int(1))]),
    };
    Cell { ty: Ty::Int, value, present, may_be_nan: false }
}

/// Rounds or truncates to a constant number of digits after the point (before it, if negative).
fn scaled(writer: &mut Writer<'_>, name: &str, x: &Bound, digits: &Bound) -> Result<Cell> {
    let Some(digits) = constant_int(digits) else {
        return Err(Inexpressible::new(format!(
            "there is no operator for `{name}` to a number of digits that varies"
        )));
    };
    let x = writer.cell(x)?;
    let graph = &mut *writer.graph;
    let power = libm::pow(10.0, digits.unsigned_abs() as f64);
    let (there, back) = if digits < 0 { ("Div", "Mul") } else { ("Mul", "Div") };
    let moved = graph.with(there, &x.value, power);
    let whole = if name == "round" { rounded(&moved, graph) } else { truncated(&moved, graph) };
    let value = graph.with(back, &whole, power);
    // Where scaling overflows, there are no digits to lose, or nothing is left.
    let size = graph.op("Abs", &[&value]);
    let fits = graph.with("Less", &size, f64::INFINITY);
    let zero = graph.double(0.0);
    let is_finite = graph.op("Abs", &[&x.value]);
    let is_finite = graph.with("Less", &is_finite, f64::INFINITY);
    let otherwise = match digits < 0 {
        true => graph.op("Where", &[&is_finite, &zero, &x.value]),
        false => x.value.clone(),
    };
    let value = graph.op("Where", &[&fits, &value, &otherwise]);
    Ok(Cell { value, ..x })
}

/// Which texts match a constant pattern.
fn pattern(writer: &mut Writer<'_>, name: &str, args: &[Bound]) -> Result<Cell> {
    let [text, pattern] = args else {
        return Err(Inexpressible::new(format!(
            "there is no operator for `{name}` with more than a pattern"
        )));
    };
    let Some(wanted) = constant_text(pattern) else {
        return Err(Inexpressible::new(format!(
            "there is no operator for `{name}` with a pattern that varies"
        )));
    };
    let any = "(?s:.*)";
    let pattern = match name {
        "like" => like(&wanted),
        "ilike" => format!("(?i){}", like(&wanted)),
        "contains" => format!("{any}{}{any}", regex::escape(&wanted)),
        "starts_with" => format!("{}{any}", regex::escape(&wanted)),
        "ends_with" => format!("{any}{}", regex::escape(&wanted)),
        _ => wanted,
    };
    let text = writer.cell(text)?;
    let value = writer.graph.matches(&text.value, &pattern);
    Ok(Cell::truths(value, text.present))
}

/// The regular expression of a LIKE without escapes.
fn like(pattern: &str) -> String {
    let part = |c: char| match c {
        '%' => "(?s:.*)".to_string(),
        '_' => "(?s:.)".to_string(),
        other => regex::escape(&other.to_string()),
    };
    pattern.chars().map(part).collect()
}

fn date_diff(writer: &mut Writer<'_>, unit: &Bound, from: &Bound, to: &Bound) -> Result<Cell> {
    let unit = constant_text(unit).and_then(|unit| Unit::parse(&unit));
    let cells = [writer.cell(from)?, writer.cell(to)?];
    let present = present(&cells, writer.graph);
    let graph = &mut *writer.graph;
    let ends = cells.map(|cell| cell.value);
    let count = match unit {
        Some(Unit::Year) => ends.map(|end| date(&end, graph)[0].clone()),
        Some(Unit::Quarter) => ends.map(|end| {
            let months = months(&end, graph);
            time::divided(&months, 3.0, graph).0
        }),
        Some(Unit::Month) => ends.map(|end| months(&end, graph)),
        Some(Unit::Day | Unit::Week) => ends.map(|end| time::divided(&end, time::DAY, graph).0),
        Some(Unit::Hour) => ends.map(|end| time::divided(&end, 3.6e9, graph).0),
        Some(Unit::Minute) => ends.map(|end| time::divided(&end, 6e7, graph).0),
        Some(Unit::Second) => ends.map(|end| time::divided(&end, 1e6, graph).0),
        _ => return Err(Inexpressible::new("there is no operator for `date_diff` in this unit")),
    };
    let mut value = graph.op("Sub", &[&count[1], &count[0]]);
    if unit == Some(Unit::Week) {
        // Of all units only weeks are whole ones, not boundaries.
        let weeks = graph.with("Div", &value, 7.0);
        value = truncated(&weeks, graph);
    }
    Ok(Cell { ty: Ty::Int, value, present, may_be_nan: false })
}

fn date(micros: &Tensor, graph: &mut Graph) -> [Tensor; 3] {
    let (days, _) = time::divided(micros, time::DAY, graph);
    time::civil(&days, graph)
}

/// Months since the year 0.
fn months(micros: &Tensor, graph: &mut Graph) -> Tensor {
    let [year, month, _] = date(micros, graph);
    let years = graph.with("Mul", &year, 12.0);
    let months = graph.op("Add", &[&years, &month]);
    graph.with("Sub", &months, 1.0)
}

/// A part of a timestamp.
fn part(name: &str, micros: &Tensor, graph: &mut Graph) -> Option<Tensor> {
    let (days, of_day) = time::divided(micros, time::DAY, graph);
    let of_week = |add: f64, graph: &mut Graph| {
        let moved = graph.with("Add", &days, add);
        time::divided(&moved, 7.0, graph).1
    };
    Some(match name {
        "year" => time::civil(&days, graph)[0].clone(),
        "month" => time::civil(&days, graph)[1].clone(),
        "day" => time::civil(&days, graph)[2].clone(),
        "quarter" => {
            let month = time::civil(&days, graph)[1].clone();
            let moved = graph.with("Add", &month, 2.0);
            time::divided(&moved, 3.0, graph).0
        }
        "dayofyear" => {
            let [year, ..] = time::civil(&days, graph);
            let one = graph.double(1.0);
            let first = time::days(&year, &one, &one, graph);
            let since = graph.op("Sub", &[&days, &first]);
            graph.with("Add", &since, 1.0)
        }
        "dayofweek" => of_week(4.0, graph),
        "isodow" => {
            let since_monday = of_week(3.0, graph);
            graph.with("Add", &since_monday, 1.0)
        }
        "hour" => time::divided(&of_day, 3.6e9, graph).0,
        "minute" => {
            let (_, of_hour) = time::divided(&of_day, 3.6e9, graph);
            time::divided(&of_hour, 6e7, graph).0
        }
        "epoch" => graph.with("Div", micros, 1e6),
        "epoch_us" => micros.clone(),
        _ => return None,
    })
}

fn constant_text(bound: &Bound) -> Option<String> {
    match &bound.op {
        Op::Constant(col) if bound.ty == Ty::Text && col.array.is_valid(0) => {
            Some(col.array.as_string::<i32>().value(0).to_string())
        }
        _ => None,
    }
}

fn constant_int(bound: &Bound) -> Option<i64> {
    match &bound.op {
        Op::Constant(col) if bound.ty == Ty::Int && col.array.is_valid(0) => {
            Some(col.array.as_primitive::<arrow::datatypes::Int64Type>().value(0))
        }
        _ => None,
    }
}
