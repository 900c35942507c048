//! Expressions of one row as operators: what [`crate::frame::expr::eval`] computes, computed by another program. It does not
//! know functions by name.
//!
//! A value that cannot be computed (a whole number divided by zero) refuses its row, if the row takes the branch that it
//! is in.

use std::cmp::Ordering;

use arrow::{
    array::{Array, AsArray},
    datatypes::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType},
};

use super::{
    Inexpressible, calls,
    columns::{Cell, Columns},
    compare,
    graph::{Elem, Graph, Tensor},
};
use crate::frame::expr::{
    ast::Cmp,
    bind::{Bound, Op},
    column::Col,
    types::{Target, Ty},
};

type Result<T> = std::result::Result<T, Inexpressible>;

/// Writes one expression.
pub struct Writer<'a> {
    /// The graph.
    pub graph: &'a mut Graph,
    /// The columns that the expression may read.
    columns: &'a Columns,
    /// Which of them are meant by the bound expression.
    slots: &'a [(usize, Ty)],
    /// The rows that take the branch at hand; `None`: all.
    within: Option<Tensor>,
    /// The rows for which everything could be computed; `None`: all.
    sound: Option<Tensor>,
}

/// Writes a bound expression; also returns the rows for which it can be computed (`None`: all).
///
/// # Errors
/// If there is no operator for a part of it.
pub fn write(
    bound: &Bound,
    slots: &[(usize, Ty)],
    columns: &Columns,
    graph: &mut Graph,
) -> Result<(Cell, Option<Tensor>)> {
    let mut writer = Writer { graph, columns, slots, within: None, sound: None };
    let cell = writer.cell(bound)?;
    Ok((cell, writer.sound))
}

impl Writer<'_> {
    /// Writes a piece of the expression.
    ///
    /// # Errors
    /// If there is no operator for a part of it.
    pub fn cell(&mut self, bound: &Bound) -> Result<Cell> {
        match &bound.op {
            Op::Column(slot) => self.column(*slot),
            Op::Constant(col) => self.constant(col, bound.ty),
            Op::Call(overload, args) => calls::call(self, overload, args),
            Op::Compare(cmp, pair) => self.compare(*cmp, pair),
            Op::Distinct(pair) => self.distinct(pair),
            Op::And(pair) => self.logic(pair, false),
            Op::Or(pair) => self.logic(pair, true),
            Op::Not(a) => {
                let a = self.cell(a)?;
                Ok(Cell { value: self.graph.not(&a.value), ..a })
            }
            Op::IsNull(a) => {
                let present = self.cell(a)?.present;
                let value = match present {
                    Some(present) => self.graph.not(&present),
                    None => self.graph.truth(false),
                };
                Ok(Cell::truths(value, None))
            }
            Op::Is(wanted, a) => {
                let mut a = self.cell(a)?;
                if !wanted {
                    a.value = self.graph.not(&a.value);
                }
                Ok(Cell::truths(a.is_true(self.graph), None))
            }
            Op::Case(arms) => self.case(arms, bound.ty),
            Op::Coalesce(items) => self.coalesce(items),
            Op::In(value, list) => self.among(value, list),
            Op::Extreme(wanted, items) => self.extreme(*wanted, items),
            Op::Cast(is_try, target, value) => self.cast(*is_try, *target, value),
        }
    }

    /// Writes the operands of a call.
    ///
    /// # Errors
    /// As [`Writer::cell`].
    pub fn cells(&mut self, bounds: &[Bound]) -> Result<Vec<Cell>> {
        bounds.iter().map(|bound| self.cell(bound)).collect()
    }

    /// Refuses the rows that are `wrong`, if their values are there and the branch at hand is theirs.
    pub fn refuse(&mut self, wrong: &Tensor, present: &Option<Tensor>) {
        let taken = self.graph.and(present, &self.within);
        let wrong = self.graph.and(&Some(wrong.clone()), &taken);
        if let Some(wrong) = wrong {
            let sound = self.graph.not(&wrong);
            self.sound = self.graph.and(&self.sound, &Some(sound));
        }
    }

    fn column(&mut self, slot: usize) -> Result<Cell> {
        let cell = self.slots.get(slot).and_then(|(index, _)| self.columns.at(*index));
        cell.cloned().ok_or_else(|| Inexpressible::new("a column was lost"))
    }

    fn constant(&mut self, col: &Col, ty: Ty) -> Result<Cell> {
        let array = &col.array;
        if array.is_empty() || array.is_null(0) || ty == Ty::Null {
            return Ok(self.nothing(ty));
        }
        let mut may_be_nan = false;
        let value = match ty {
            Ty::Bool => self.graph.truth(array.as_boolean().value(0)),
            Ty::Int => self.graph.double(array.as_primitive::<Int64Type>().value(0) as f64),
            Ty::Float => {
                let value = array.as_primitive::<Float64Type>().value(0);
                may_be_nan = value.is_nan();
                self.graph.double(value)
            }
            Ty::Text => self.graph.text(array.as_string::<i32>().value(0)),
            Ty::Date => self.graph.double(f64::from(array.as_primitive::<Date32Type>().value(0))),
            Ty::Timestamp => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(0);
                self.graph.double(micros as f64)
            }
            Ty::Interval | Ty::Null => {
                return Err(Inexpressible::new(format!(
                    "there is no operator for an {}",
                    ty.word()
                )));
            }
        };
        Ok(Cell { ty, value, present: None, may_be_nan })
    }

    fn nothing(&mut self, ty: Ty) -> Cell {
        let value = match ty {
            Ty::Text => self.graph.text(""),
            Ty::Bool => self.graph.truth(false),
            _ => self.graph.double(0.0),
        };
        Cell { ty, value, present: Some(self.graph.truth(false)), may_be_nan: false }
    }

    fn compare(&mut self, cmp: Cmp, pair: &[Bound; 2]) -> Result<Cell> {
        let (a, b) = (self.cell(&pair[0])?, self.cell(&pair[1])?);
        let value = compare::compare(cmp, &a, &b, self.graph)?;
        Ok(Cell::truths(value, self.graph.and(&a.present, &b.present)))
    }

    fn distinct(&mut self, pair: &[Bound; 2]) -> Result<Cell> {
        let (a, b) = (self.cell(&pair[0])?, self.cell(&pair[1])?);
        let differ = compare::compare(Cmp::Ne, &a, &b, self.graph)?;
        let both = self.graph.and(&a.present, &b.present);
        let differ = self.graph.and(&Some(differ.clone()), &both).unwrap_or(differ);
        let all = self.graph.truth(true);
        let (a, b) = (a.present.unwrap_or(all.clone()), b.present.unwrap_or(all));
        let one = self.graph.op("Xor", &[&a, &b]);
        Ok(Cell::truths(self.graph.op("Or", &[&differ, &one]), None))
    }

    /// AND (`decisive` is false) or OR (`decisive` is true), by Kleene.
    fn logic(&mut self, pair: &[Bound; 2], decisive: bool) -> Result<Cell> {
        let left = self.cell(&pair[0])?;
        let decides = |cell: &Cell, graph: &mut Graph| {
            let value = if decisive { cell.value.clone() } else { graph.not(&cell.value) };
            Cell::truths(value, cell.present.clone()).is_true(graph)
        };
        let settled = decides(&left, self.graph);
        let open = self.graph.not(&settled);
        let right = self.inside(&open, |writer| writer.cell(&pair[1]))?;
        let op = if decisive { "Or" } else { "And" };
        if left.present.is_none() && right.present.is_none() {
            return Ok(Cell::truths(self.graph.op(op, &[&left.value, &right.value]), None));
        }
        let other = decides(&right, self.graph);
        let any = self.graph.op("Or", &[&settled, &other]);
        let known = match self.graph.and(&left.present, &right.present) {
            Some(both) => self.graph.op("Or", &[&both, &any]),
            None => self.graph.truth(true),
        };
        let value = if decisive { any } else { self.graph.not(&any) };
        Ok(Cell::truths(value, Some(known)))
    }

    /// Writes something for those rows only.
    fn inside<T>(
        &mut self,
        rows: &Tensor,
        write: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let before = self.within.clone();
        self.within = self.graph.and(&before, &Some(rows.clone()));
        let written = write(self);
        self.within = before;
        written
    }

    fn case(&mut self, arms: &[(Bound, Bound)], ty: Ty) -> Result<Cell> {
        let mut result = self.nothing(ty);
        let mut open = self.graph.truth(true);
        for (when, then) in arms {
            let when = self.inside(&open.clone(), |writer| writer.cell(when))?;
            let is_true = when.is_true(self.graph);
            let hit = self.graph.op("And", &[&open, &is_true]);
            let then = self.inside(&hit, |writer| writer.cell(then))?;
            result =
                Cell { ty, ..compare::choose(&hit, &Cell { ty, ..then }, &result, self.graph) };
            let missed = self.graph.not(&hit);
            open = self.graph.op("And", &[&open, &missed]);
        }
        Ok(result)
    }

    fn coalesce(&mut self, items: &[Bound]) -> Result<Cell> {
        let mut result: Option<Cell> = None;
        for item in items {
            result = Some(match result {
                None => self.cell(item)?,
                Some(found) => {
                    let Some(present) = found.present.clone() else { return Ok(found) };
                    let open = self.graph.not(&present);
                    let next = self.inside(&open, |writer| writer.cell(item))?;
                    compare::choose(&present, &found, &next, self.graph)
                }
            });
        }
        result.ok_or_else(|| Inexpressible::new("COALESCE of nothing"))
    }

    fn among(&mut self, value: &Bound, list: &[Bound]) -> Result<Cell> {
        let value = self.cell(value)?;
        let mut any = self.graph.truth(false);
        let mut all_present = value.present.clone();
        for item in list {
            let item = self.cell(item)?;
            let equal = compare::compare(Cmp::Eq, &value, &item, self.graph)?;
            let equal = Cell::truths(equal, item.present.clone()).is_true(self.graph);
            any = self.graph.op("Or", &[&any, &equal]);
            all_present = self.graph.and(&all_present, &item.present);
        }
        let present = match all_present {
            None => None,
            Some(all) => {
                let found = self.graph.and(&Some(any.clone()), &value.present);
                let found = found.unwrap_or(any.clone());
                Some(self.graph.op("Or", &[&all, &found]))
            }
        };
        Ok(Cell::truths(any, present))
    }

    fn extreme(&mut self, wanted: Ordering, items: &[Bound]) -> Result<Cell> {
        let cmp = if wanted.is_lt() { Cmp::Lt } else { Cmp::Gt };
        let mut best: Option<Cell> = None;
        for item in self.cells(items)? {
            best = Some(match best {
                None => item,
                Some(best) => {
                    let better = compare::compare(cmp, &item, &best, self.graph)?;
                    let better = match &best.present {
                        None => better,
                        Some(present) => {
                            let absent = self.graph.not(present);
                            self.graph.op("Or", &[&better, &absent])
                        }
                    };
                    let better = Cell::truths(better, item.present.clone()).is_true(self.graph);
                    compare::choose(&better, &item, &best, self.graph)
                }
            });
        }
        best.ok_or_else(|| Inexpressible::new("the greatest of nothing"))
    }

    fn cast(&mut self, is_try: bool, target: Target, value: &Bound) -> Result<Cell> {
        let from = self.cell(value)?;
        let ty = target.ty;
        let (value, fits) = match (from.ty, ty) {
            (a, b) if a == b && target.range.is_none() && target.scale.is_none() => {
                return Ok(from);
            }
            (Ty::Null, _) => return Ok(Cell { ty, ..self.nothing(ty) }),
            (Ty::Int, Ty::Float) if target.scale.is_none() => return Ok(Cell { ty, ..from }),
            (Ty::Bool, Ty::Int | Ty::Float) if target.scale.is_none() => {
                (self.graph.cast(&from.value, Elem::Double), None)
            }
            (Ty::Int | Ty::Float, Ty::Bool) => {
                let zero = self.graph.with("Equal", &from.value, 0.0);
                return Ok(Cell::truths(self.graph.not(&zero), from.present));
            }
            (Ty::Bool, Ty::Text) => {
                let (yes, no) = (self.graph.text("true"), self.graph.text("false"));
                (self.graph.op("Where", &[&from.value, &yes, &no]), None)
            }
            (Ty::Int | Ty::Float, Ty::Int) => self.whole(&from, target),
            (Ty::Date, Ty::Timestamp) => {
                (self.graph.with("Mul", &from.value, super::time::DAY), None)
            }
            (Ty::Timestamp, Ty::Date) => {
                (super::time::divided(&from.value, super::time::DAY, self.graph).0, None)
            }
            (a, b) => {
                let what =
                    format!("there is no operator for a cast from {} to {}", a.word(), b.word());
                return Err(Inexpressible::new(what));
            }
        };
        let mut present = from.present;
        if let Some(fits) = fits {
            if is_try {
                present = self.graph.and(&present, &Some(fits));
            } else {
                let wrong = self.graph.not(&fits);
                self.refuse(&wrong, &present);
            }
        }
        let may_be_nan = ty == Ty::Float && from.may_be_nan;
        Ok(Cell { ty, value, present, may_be_nan })
    }

    /// Rounds half to even, and tells which values fit.
    fn whole(&mut self, from: &Cell, target: Target) -> (Tensor, Option<Tensor>) {
        // 2^63 is the first number that is too large.
        let (min, max) = match target.range {
            Some((min, max)) => (min as f64, max as f64),
            None => (-9_223_372_036_854_775_808.0, 9_223_372_036_854_774_784.0),
        };
        let rounded = self.graph.op("Round", &[&from.value]);
        let low = self.graph.with("GreaterOrEqual", &rounded, min);
        let high = self.graph.with("LessOrEqual", &rounded, max);
        let fits = self.graph.op("And", &[&low, &high]);
        let zero = self.graph.double(0.0);
        (self.graph.op("Where", &[&fits, &rounded, &zero]), Some(fits))
    }
}
