//! The calendar in operators: dates read from text, days to years and months and back. It is that of
//! [`crate::frame::expr::calendar`], in double precision, where all of it is exact. It does not know expressions.

use super::{
    columns::Cell,
    graph::{Elem, Graph, Tensor},
};
use crate::frame::expr::{calendar, types::Ty};

/// Microseconds in a day.
pub const DAY: f64 = calendar::DAY as f64;

/// Reads dates like `2024-03-01`; an empty text is none. Also tells where there is a date or none was meant.
pub fn read_date(texts: &Tensor, graph: &mut Graph) -> (Cell, Tensor) {
    let (safe, is_well_formed) = well_formed(texts, DATE, graph);
    let (value, exists) = date_of(&safe, graph);
    read(Ty::Date, texts, value, [is_well_formed, exists], graph)
}

/// Reads timestamps like `2024-03-01T12:30:00.25`, with a blank for the T, or dates alone; an empty text is none. Also tells
/// where there is one or none was meant.
pub fn read_time(texts: &Tensor, graph: &mut Graph) -> (Cell, Tensor) {
    let pattern = format!(r"{DATE}([T ]\d{{2}}:\d{{2}}:\d{{2}}(\.\d{{1,6}})?)?");
    let (safe, is_well_formed) = well_formed(texts, &pattern, graph);
    // Whatever stands between date and time: a midnight that is put at the end is the second part where there was none.
    let (rest, after_t) = parted(&safe, "T", graph);
    let (date, after_blank) = parted(&rest, " ", graph);
    let (days, mut exists) = date_of(&date, graph);
    let mut value = graph.with("Mul", &days, DAY);
    for time in [after_t, after_blank] {
        let (micros, is_time) = micros_of(&time, graph);
        value = graph.op("Add", &[&value, &micros]);
        exists = graph.op("And", &[&exists, &is_time]);
    }
    read(Ty::Timestamp, texts, value, [is_well_formed, exists], graph)
}

/// What a date looks like.
const DATE: &str = r"\d{4}-\d{2}-\d{2}";

/// Puts a date where a text does not look as it should, and tells where it does.
fn well_formed(texts: &Tensor, pattern: &str, graph: &mut Graph) -> (Tensor, Tensor) {
    let is_well_formed = graph.matches(texts, pattern);
    let any = graph.text("1970-01-01");
    (graph.op("Where", &[&is_well_formed, texts, &any]), is_well_formed)
}

fn read(
    ty: Ty,
    texts: &Tensor,
    value: Tensor,
    [is_well_formed, exists]: [Tensor; 2],
    graph: &mut Graph,
) -> (Cell, Tensor) {
    let none = graph.text("");
    let missing = graph.op("Equal", &[texts, &none]);
    let present = graph.op("And", &[&is_well_formed, &exists]);
    let sound = graph.op("Or", &[&missing, &present]);
    (Cell { ty, value, present: Some(present), may_be_nan: false }, sound)
}

/// The texts before and after a mark, midnight where it is not there.
fn parted(texts: &Tensor, mark: &str, graph: &mut Graph) -> (Tensor, Tensor) {
    let midnight = graph.text(&format!("{mark}00:00:00"));
    let longer = graph.op("StringConcat", &[texts, &midnight]);
    let parts = graph.split(&longer, mark, &format!("1970-01-01{mark}00:00:00"));
    (graph.nth(&parts, 0), graph.nth(&parts, 1))
}

/// Three numbers out of texts that have them between delimiters.
fn numbers(texts: &Tensor, delimiter: &str, graph: &mut Graph) -> [Tensor; 3] {
    let parts = graph.split(texts, delimiter, &["0"; 3].join(delimiter));
    std::array::from_fn(|i| {
        let part = graph.nth(&parts, i as i64);
        graph.cast(&part, Elem::Double)
    })
}

/// Days since 1970-01-01 of well-formed dates, and which of them exist.
fn date_of(texts: &Tensor, graph: &mut Graph) -> (Tensor, Tensor) {
    let [year, month, day] = numbers(texts, "-", graph);
    let one = graph.double(1.0);
    let value = days(&year, &month, &day, graph);
    let first = days(&year, &month, &one, graph);
    let is_last = graph.with("Equal", &month, 12.0);
    let step = graph.cast(&is_last, Elem::Double);
    let next_year = graph.op("Add", &[&year, &step]);
    let after = graph.with("Add", &month, 1.0);
    let next_month = graph.op("Where", &[&is_last, &one, &after]);
    let next = days(&next_year, &next_month, &one, graph);
    let length = graph.op("Sub", &[&next, &first]);
    let checks = [
        graph.op("LessOrEqual", &[&one, &month]),
        graph.with("LessOrEqual", &month, 12.0),
        graph.op("LessOrEqual", &[&one, &day]),
        graph.op("LessOrEqual", &[&day, &length]),
    ];
    (value, all(&checks, graph))
}

/// Microseconds since midnight of well-formed times, and which of them exist.
fn micros_of(texts: &Tensor, graph: &mut Graph) -> (Tensor, Tensor) {
    let [hour, minute, second] = numbers(texts, ":", graph);
    let checks = [(&hour, 24.0), (&minute, 60.0), (&second, 60.0)]
        .map(|(part, most)| graph.with("Less", part, most));
    let hours = graph.with("Mul", &hour, 3.6e9);
    let minutes = graph.with("Mul", &minute, 6e7);
    let seconds = graph.with("Mul", &second, 1e6);
    let seconds = graph.op("Round", &[&seconds]);
    let sum = graph.op("Add", &[&hours, &minutes]);
    (graph.op("Add", &[&sum, &seconds]), all(&checks, graph))
}

fn all(checks: &[Tensor], graph: &mut Graph) -> Tensor {
    let start = graph.truth(true);
    checks.iter().fold(start, |all, check| graph.op("And", &[&all, check]))
}

/// Days since 1970-01-01 of a date.
pub fn days(year: &Tensor, month: &Tensor, day: &Tensor, graph: &mut Graph) -> Tensor {
    let is_early = graph.with("LessOrEqual", month, 2.0);
    let is_early = graph.cast(&is_early, Elem::Double);
    let year = graph.op("Sub", &[year, &is_early]);
    let (era, year_of_era) = divided(&year, 400.0, graph);
    let month = graph.with("Add", month, 9.0);
    let (_, month) = divided(&month, 12.0, graph);
    let month = graph.with("Mul", &month, 153.0);
    let month = graph.with("Add", &month, 2.0);
    let (before, _) = divided(&month, 5.0, graph);
    let of_year = graph.op("Add", &[&before, day]);
    let year_days = graph.with("Mul", &year_of_era, 365.0);
    let (fours, _) = divided(&year_of_era, 4.0, graph);
    let (hundreds, _) = divided(&year_of_era, 100.0, graph);
    let era_days = graph.with("Mul", &era, 146_097.0);
    let sum = graph.op("Add", &[&era_days, &year_days]);
    let sum = graph.op("Add", &[&sum, &fours]);
    let sum = graph.op("Sub", &[&sum, &hundreds]);
    let sum = graph.op("Add", &[&sum, &of_year]);
    graph.with("Sub", &sum, 719_469.0)
}

/// Year, month and day of a number of days since 1970-01-01.
pub fn civil(days: &Tensor, graph: &mut Graph) -> [Tensor; 3] {
    let days = graph.with("Add", days, 719_468.0);
    let (era, of_era) = divided(&days, 146_097.0, graph);
    let (leaps, _) = divided(&of_era, 1460.0, graph);
    let (centuries, _) = divided(&of_era, 36_524.0, graph);
    let (eras, _) = divided(&of_era, 146_096.0, graph);
    let even = graph.op("Sub", &[&of_era, &leaps]);
    let even = graph.op("Add", &[&even, &centuries]);
    let even = graph.op("Sub", &[&even, &eras]);
    let (year_of_era, _) = divided(&even, 365.0, graph);
    let whole = graph.with("Mul", &year_of_era, 365.0);
    let (fours, _) = divided(&year_of_era, 4.0, graph);
    let (hundreds, _) = divided(&year_of_era, 100.0, graph);
    let before = graph.op("Add", &[&whole, &fours]);
    let before = graph.op("Sub", &[&before, &hundreds]);
    let of_year = graph.op("Sub", &[&of_era, &before]);
    let scaled = graph.with("Mul", &of_year, 5.0);
    let scaled = graph.with("Add", &scaled, 2.0);
    let (month, _) = divided(&scaled, 153.0, graph);
    let start = graph.with("Mul", &month, 153.0);
    let start = graph.with("Add", &start, 2.0);
    let (start, _) = divided(&start, 5.0, graph);
    let day = graph.op("Sub", &[&of_year, &start]);
    let day = graph.with("Add", &day, 1.0);
    let is_late = graph.with("Less", &month, 10.0);
    let (later, earlier) = (graph.with("Add", &month, 3.0), graph.with("Sub", &month, 9.0));
    let month = graph.op("Where", &[&is_late, &later, &earlier]);
    let is_early = graph.with("LessOrEqual", &month, 2.0);
    let is_early = graph.cast(&is_early, Elem::Double);
    let years = graph.with("Mul", &era, 400.0);
    let year = graph.op("Add", &[&years, &year_of_era]);
    let year = graph.op("Add", &[&year, &is_early]);
    [year, month, day]
}

/// Quotient, rounded down, and the rest, which is never negative.
pub fn divided(a: &Tensor, by: f64, graph: &mut Graph) -> (Tensor, Tensor) {
    let quotient = graph.with("Div", a, by);
    let quotient = graph.op("Floor", &[&quotient]);
    let whole = graph.with("Mul", &quotient, by);
    let rest = graph.op("Sub", &[a, &whole]);
    (quotient, rest)
}
