//! Computes a typed expression on the rows of a table.
//! It does not know names: columns arrive in the order in which the binder met them.
//!
//! Branches that a row does not take are not computed for it: CASE, COALESCE, IF, AND and OR look at the rows
//! that are still open, so `case when x <> 0 then 1 // x end` never fails.

use std::borrow::Cow;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array},
    compute,
};

use crate::frame::expr::{
    ExprError,
    ast::Cmp,
    bind::{Bound, Op},
    cast,
    column::{Col, Evaluated, Operand, TOO_MUCH_TEXT, null_of},
    compare,
    types::Ty,
};

type Result<T> = std::result::Result<T, ExprError>;

/// The rows that an expression is computed on.
#[derive(Clone)]
pub struct Rows {
    /// The columns that the expression reads.
    pub columns: Vec<Col>,
    /// How many rows there are.
    pub n_rows: usize,
    /// Which rows of the table these are: the first one's number, or every one's.
    pub origin: Origin,
}

/// Which rows of the table are at hand.
#[derive(Clone)]
pub enum Origin {
    /// All from this one on.
    From(usize),
    /// These.
    Rows(Vec<usize>),
}

impl Rows {
    fn take(&self, wanted: &[usize]) -> Result<Rows> {
        let indices = UInt64Array::from_iter_values(wanted.iter().map(|&i| i as u64));
        let take = |c: &Col| compute::take(&c.array, &indices, None).map(Col::rows);
        let columns: std::result::Result<Vec<_>, _> = self.columns.iter().map(take).collect();
        Ok(Rows {
            columns: columns.map_err(|error| ExprError::new(0, error.to_string(), ""))?,
            n_rows: wanted.len(),
            origin: Origin::Rows(wanted.iter().map(|&i| self.number(i)).collect()),
        })
    }

    fn number(&self, row: usize) -> usize {
        match &self.origin {
            Origin::From(first) => first + row,
            Origin::Rows(rows) => rows.get(row).copied().unwrap_or(row),
        }
    }
}

/// Computes `bound` on `rows`.
///
/// # Errors
/// Of the first row that cannot be computed.
pub fn eval<'a>(bound: &'a Bound, rows: &'a Rows) -> Result<Operand<'a>> {
    if rows.n_rows == 0 {
        return Ok(Cow::Owned(Col::rows(arrow::array::new_empty_array(&bound.ty.arrow()))));
    }
    let computed = match &bound.op {
        Op::Column(slot) => {
            let lost = || ExprError::new(bound.at, "a column was lost", "");
            return rows.columns.get(*slot).map(Cow::Borrowed).ok_or_else(lost);
        }
        Op::Constant(col) => return Ok(Cow::Borrowed(col)),
        Op::Call(overload, args) => apply(bound, rows, args, |args, n| (overload.eval)(args, n)),
        Op::Compare(cmp, pair) => {
            let ty = pair[0].ty;
            apply(bound, rows, &pair[..], |args, n| compare::compare(*cmp, ty, args, n))
        }
        Op::Distinct(pair) => {
            let ty = pair[0].ty;
            apply(bound, rows, &pair[..], |args, n| compare::distinct(ty, args, n))
        }
        Op::And(pair) => logic(pair, rows, false),
        Op::Or(pair) => logic(pair, rows, true),
        Op::Not(a) => truth(bound, rows, a, compute::not),
        Op::IsNull(a) => truth_of_any(rows, a),
        Op::Is(wanted, a) => truth(bound, rows, a, |a| {
            Ok(a.iter().map(|value| Some(value == Some(*wanted))).collect())
        }),
        Op::Case(arms) => case(arms, bound.ty, rows),
        Op::Coalesce(items) => coalesce(items, bound.ty, rows),
        Op::In(value, list) => is_in(bound, value, list, rows),
        Op::Extreme(wanted, items) => {
            apply(bound, rows, items, |args, n| compare::extreme(*wanted, bound.ty, args, n))
        }
        Op::Cast(is_try, target, value) => {
            let from = value.ty;
            let items = std::slice::from_ref(&**value);
            apply(bound, rows, items, |args, n| match args.first() {
                Some(col) => cast::cast(col, from, *target, *is_try, n),
                None => Ok(arrow::array::new_null_array(&target.ty.arrow(), n)),
            })
        }
    };
    computed.map(Cow::Owned)
}

/// Computes the operands, then the operation: once if all of them are constants.
fn apply(
    bound: &Bound,
    rows: &Rows,
    operands: &[Bound],
    f: impl Fn(&[Operand<'_>], usize) -> Evaluated,
) -> Result<Col> {
    // Nearly all operations have one operand or two, for which no list is made.
    match operands {
        [a] => applied(bound, rows, &[eval(a, rows)?], f),
        [a, b] => applied(bound, rows, &[eval(a, rows)?, eval(b, rows)?], f),
        all => {
            let all = all.iter().map(|o| eval(o, rows)).collect::<Result<Vec<_>>>()?;
            applied(bound, rows, &all, f)
        }
    }
}

fn applied(
    bound: &Bound,
    rows: &Rows,
    operands: &[Operand<'_>],
    f: impl Fn(&[Operand<'_>], usize) -> Evaluated,
) -> Result<Col> {
    let is_constant = operands.iter().all(|o| o.is_constant);
    let n = if is_constant { 1 } else { rows.n_rows };
    let array = f(operands, n).map_err(|fault| {
        let error = ExprError::new(bound.at, fault.message, advice(bound));
        if is_constant { error } else { error.in_row(rows.number(fault.row)) }
    })?;
    Ok(Col { array, is_constant })
}

/// Computes what depends on no column beforehand. What cannot be computed stays, to fail where a row asks for it.
pub(super) fn folded(bound: Bound) -> Bound {
    let Bound { at, ty, op } = bound;
    let one = |operand: Box<Bound>| Box::new(folded(*operand));
    let two = |pair: Box<[Bound; 2]>| Box::new(pair.map(folded));
    let all = |operands: Vec<Bound>| operands.into_iter().map(folded).collect::<Vec<_>>();
    let op = match op {
        Op::Column(_) | Op::Constant(_) => return Bound { at, ty, op },
        Op::Call(overload, args) => Op::Call(overload, all(args)),
        Op::Compare(cmp, pair) => Op::Compare(cmp, two(pair)),
        Op::Distinct(pair) => Op::Distinct(two(pair)),
        Op::And(pair) => Op::And(two(pair)),
        Op::Or(pair) => Op::Or(two(pair)),
        Op::Not(operand) => Op::Not(one(operand)),
        Op::IsNull(operand) => Op::IsNull(one(operand)),
        Op::Is(wanted, operand) => Op::Is(wanted, one(operand)),
        Op::Case(arms) => {
            Op::Case(arms.into_iter().map(|(when, then)| (folded(when), folded(then))).collect())
        }
        Op::Coalesce(items) => Op::Coalesce(all(items)),
        Op::In(value, list) => Op::In(one(value), all(list)),
        Op::Extreme(wanted, items) => Op::Extreme(wanted, all(items)),
        Op::Cast(is_try, target, operand) => Op::Cast(is_try, target, one(operand)),
    };
    let bound = Bound { at, ty, op };
    let is_constant = |operand: &Bound| matches!(operand.op, Op::Constant(_));
    // Calls and casts: what else there is of constants alone is rare.
    let depends = match &bound.op {
        Op::Call(_, args) => !args.iter().all(is_constant),
        Op::Cast(_, _, operand) => !is_constant(operand),
        _ => true,
    };
    if depends {
        return bound;
    }
    let none = Rows { columns: Vec::new(), n_rows: 1, origin: Origin::From(0) };
    match eval(&bound, &none) {
        Ok(col) if col.is_constant => Bound { at, ty, op: Op::Constant(col.into_owned()) },
        _ => bound,
    }
}

/// Returns one value a row.
pub(super) fn expanded(bound: &Bound, col: &Col, n_rows: usize) -> Result<ArrayRef> {
    col.expanded(n_rows).map_err(|fault| ExprError::new(bound.at, fault.message, ""))
}

fn advice(bound: &Bound) -> &'static str {
    match &bound.op {
        Op::Cast(false, ..) => "try_cast gives null instead",
        Op::Call(overload, _)
            if overload.gives == Ty::Timestamp && overload.takes == [Ty::Text; 2] =>
        {
            "try_strptime gives null instead"
        }
        Op::Call(overload, args) if overload.takes == [Ty::Int; 2] && args.len() == 2 => {
            "nullif(x, 0) avoids a division by zero, cast(x as double) an overflow"
        }
        _ => "",
    }
}

fn boolean(bound: &Bound, rows: &Rows) -> Result<BooleanArray> {
    let col = eval(bound, rows)?;
    Ok(expanded(bound, &col, rows.n_rows)?.as_boolean().clone())
}

fn truth(
    bound: &Bound,
    rows: &Rows,
    operand: &Bound,
    f: impl Fn(&BooleanArray) -> std::result::Result<BooleanArray, arrow::error::ArrowError>,
) -> Result<Col> {
    let col = eval(operand, rows)?;
    let array = f(col.array.as_boolean())
        .map_err(|error| ExprError::new(bound.at, error.to_string(), ""))?;
    Ok(Col { array: std::sync::Arc::new(array), is_constant: col.is_constant })
}

fn truth_of_any(rows: &Rows, operand: &Bound) -> Result<Col> {
    let col = eval(operand, rows)?;
    let nulls = col.array.logical_nulls();
    let is_null = |row| nulls.as_ref().is_some_and(|n| n.is_null(row));
    let array: BooleanArray = (0..col.array.len()).map(|row| Some(is_null(row))).collect();
    Ok(Col { array: std::sync::Arc::new(array), is_constant: col.is_constant })
}

/// AND (`decisive` is false) or OR (`decisive` is true).
fn logic(pair: &[Bound; 2], rows: &Rows, decisive: bool) -> Result<Col> {
    let [left, right] = pair;
    let left_is = boolean(left, rows)?;
    let open: Vec<usize> = if can_fail(right) {
        (0..rows.n_rows)
            .filter(|&row| left_is.is_null(row) || left_is.value(row) != decisive)
            .collect()
    } else {
        Vec::new()
    };
    let right_is = if !can_fail(right) || open.len() == rows.n_rows {
        boolean(right, rows)?
    } else {
        let some = boolean(right, &rows.take(&open)?)?;
        let mut spread = vec![Some(!decisive); rows.n_rows];
        for (value, row) in some.iter().zip(open) {
            spread[row] = value;
        }
        BooleanArray::from(spread)
    };
    let both = if decisive {
        compute::or_kleene(&left_is, &right_is)
    } else {
        compute::and_kleene(&left_is, &right_is)
    };
    let both = both.map_err(|error| ExprError::new(left.at, error.to_string(), ""))?;
    Ok(Col::rows(std::sync::Arc::new(both)))
}

/// Whether computing it may fail for some value, so that rows which do not need it must be spared.
fn can_fail(bound: &Bound) -> bool {
    match &bound.op {
        Op::Column(_) | Op::Constant(_) => false,
        Op::Call(..) | Op::Cast(false, ..) => true,
        Op::Cast(true, _, a) | Op::Not(a) | Op::IsNull(a) | Op::Is(_, a) => can_fail(a),
        Op::Compare(_, pair) | Op::Distinct(pair) | Op::And(pair) | Op::Or(pair) => {
            pair.iter().any(can_fail)
        }
        Op::Case(arms) => arms.iter().any(|(when, then)| can_fail(when) || can_fail(then)),
        Op::Coalesce(items) | Op::Extreme(_, items) => items.iter().any(can_fail),
        Op::In(value, list) => can_fail(value) || list.iter().any(can_fail),
    }
}

/// Where the value of each row comes from: sources so far, and a source and a position for each row.
struct Picks {
    sources: Vec<ArrayRef>,
    places: Vec<(usize, usize)>,
}

impl Picks {
    /// Starts with null in every row.
    fn new(ty: Ty, n_rows: usize) -> Picks {
        Picks { sources: vec![null_of(ty).array], places: vec![(0, 0); n_rows] }
    }

    /// Takes the values of `col`, whose i-th value belongs to row `rows[i]`, where `wanted` says so.
    fn add(&mut self, col: &Col, rows: &[usize], wanted: impl Fn(usize) -> bool) {
        let source = self.sources.len();
        for (i, &row) in rows.iter().enumerate() {
            let place = if col.is_constant { 0 } else { i };
            if wanted(place) {
                self.places[row] = (source, place);
            }
        }
        self.sources.push(col.array.clone());
    }

    fn finish(self) -> Result<Col> {
        let sources: Vec<&dyn Array> = self.sources.iter().map(|s| &**s).collect();
        let array = compute::interleave(&sources, &self.places)
            .map_err(|_| ExprError::new(0, TOO_MUCH_TEXT, ""))?;
        Ok(Col::rows(array))
    }
}

fn case(arms: &[(Bound, Bound)], ty: Ty, rows: &Rows) -> Result<Col> {
    let mut picks = Picks::new(ty, rows.n_rows);
    let mut open: Vec<usize> = (0..rows.n_rows).collect();
    let mut at_hand = rows.clone();
    for (when, then) in arms {
        let is_true = boolean(when, &at_hand)?;
        let hit = |i: usize| is_true.is_valid(i) && is_true.value(i);
        let (taken, left): (Vec<usize>, Vec<usize>) = (0..open.len()).partition(|&i| hit(i));
        if taken.is_empty() {
            continue;
        }
        let values = if left.is_empty() {
            eval(then, &at_hand)?.into_owned()
        } else {
            eval(then, &at_hand.take(&taken)?)?.into_owned()
        };
        let taken_rows: Vec<usize> = taken.iter().map(|&i| open[i]).collect();
        picks.add(&values, &taken_rows, |_| true);
        if left.is_empty() {
            break;
        }
        open = left.iter().map(|&i| open[i]).collect();
        at_hand = at_hand.take(&left)?;
    }
    picks.finish()
}

fn coalesce(items: &[Bound], ty: Ty, rows: &Rows) -> Result<Col> {
    let mut picks = Picks::new(ty, rows.n_rows);
    let mut open: Vec<usize> = (0..rows.n_rows).collect();
    let mut at_hand = rows.clone();
    for item in items {
        let values = eval(item, &at_hand)?.into_owned();
        let nulls = values.array.logical_nulls();
        let is_null = |place: usize| nulls.as_ref().is_some_and(|n| n.is_null(place));
        picks.add(&values, &open, |place| !is_null(place));
        let place = |i: usize| if values.is_constant { 0 } else { i };
        let left: Vec<usize> = (0..open.len()).filter(|&i| is_null(place(i))).collect();
        if left.is_empty() {
            break;
        }
        if left.len() < open.len() {
            open = left.iter().map(|&i| open[i]).collect();
            at_hand = at_hand.take(&left)?;
        }
    }
    picks.finish()
}

fn is_in(bound: &Bound, value: &Bound, list: &[Bound], rows: &Rows) -> Result<Col> {
    let constants: Vec<Col> = list
        .iter()
        .filter_map(|item| match &item.op {
            Op::Constant(col) => Some(col.clone()),
            _ => None,
        })
        .collect();
    if constants.len() == list.len() {
        let operand = std::slice::from_ref(value);
        return apply(bound, rows, operand, |args, n| match args.first() {
            Some(value_of) => compare::among(value.ty, value_of, &constants, n),
            None => Ok(arrow::array::new_null_array(&Ty::Bool.arrow(), n)),
        });
    }
    let mut any = BooleanArray::from(vec![false; rows.n_rows]);
    for item in list {
        let pair = [value.clone(), item.clone()];
        let equal =
            apply(bound, rows, &pair, |args, n| compare::compare(Cmp::Eq, value.ty, args, n))?;
        let equal = expanded(item, &equal, rows.n_rows)?;
        any = compute::or_kleene(&any, equal.as_boolean())
            .map_err(|error| ExprError::new(item.at, error.to_string(), ""))?;
    }
    Ok(Col::rows(std::sync::Arc::new(any)))
}
