//! Transactions as purchases and returns: when, how much, which invoice, and whether a row counts.
//! It does not know customers.

use std::collections::HashSet;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute,
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
};
use serde::Deserialize;

use super::{Params, column, misfit};
use crate::{
    frame::{FrameError, Table, table::type_word},
    kinds::groups,
    stage::error::StageError,
};

/// What becomes of returned goods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Returns {
    /// Their money is taken off, but they are no purchases.
    Net,
    /// They are ignored.
    Exclude,
    /// They are rows like any other.
    Keep,
}

/// The transactions of a table.
pub struct Purchases {
    moments: Vec<Option<i64>>,
    money: Vec<Option<f64>>,
    is_return: Vec<bool>,
    /// For each row a number that rows of the same invoice share; `None` without an invoice.
    invoices: Option<Vec<Option<usize>>>,
    returns: Returns,
}

impl Purchases {
    /// Reads the columns that the parameters name.
    pub fn read(table: &Table, params: &Params) -> Result<Purchases, StageError> {
        for (param, name) in params.columns() {
            let found = column(table, name)?.data_type();
            if let Some(expected) = misfit(param, found) {
                return Err(StageError::Data(format!(
                    "column `{name}` is {}, expected {expected}; give its type at ingest, or cast it \
                     with features.derive",
                    type_word(found)
                )));
            }
        }
        let numbers = |name: &Option<String>| -> Result<Option<Vec<f64>>, StageError> {
            Ok(name.as_ref().map(|name| table.floats(name)).transpose()?)
        };
        let (amount, quantity, price) =
            (numbers(&params.amount)?, numbers(&params.quantity)?, numbers(&params.price)?);
        let money: Vec<f64> = match (amount, &quantity, &price) {
            (Some(amount), ..) => amount,
            (None, Some(quantity), Some(price)) => {
                quantity.iter().zip(price).map(|(q, p)| q * p).collect()
            }
            _ => return Err(StageError::Internal("neither amount nor quantity and price".into())),
        };
        let invoice = params.invoice.as_ref().map(|name| column(table, name)).transpose()?;
        let cancelled = invoice.map(|invoice| cancelled(invoice, &params.cancelled));
        let is_negative = |row: usize| {
            money[row] < 0.0 || quantity.as_ref().is_some_and(|quantity| quantity[row] < 0.0)
        };
        let is_return = |row: usize| is_negative(row) || cancelled.as_ref().is_some_and(|c| c[row]);
        Ok(Purchases {
            moments: moments(column(table, &params.timestamp)?)?,
            is_return: (0..table.n_rows()).map(is_return).collect(),
            money: money.iter().map(|m| m.is_finite().then_some(*m)).collect(),
            invoices: invoice.map(numbered).transpose()?,
            returns: params.returns,
        })
    }

    /// Returns the last moment of the table in microseconds; `None` if there is none at all.
    pub fn last_moment(&self) -> Option<i64> {
        self.moments.iter().flatten().max().copied()
    }

    /// Returns which rows count: those with a moment up to `as_of` and with money, and returns only if wanted.
    pub fn usable(&self, as_of: Option<i64>) -> Vec<bool> {
        let is_due = |moment: i64| as_of.is_none_or(|as_of| moment <= as_of);
        let counts = |row: usize| {
            self.moments[row].is_some_and(is_due)
                && self.money[row].is_some()
                && !(self.is_return[row] && self.returns == Returns::Exclude)
        };
        (0..self.moments.len()).map(counts).collect()
    }

    /// Returns what is left out and why.
    pub fn notes(&self, as_of: Option<i64>, n_rows: usize) -> Vec<String> {
        let count = |f: &dyn Fn(usize) -> bool| (0..n_rows).filter(|&row| f(row)).count();
        let is_late = |row: usize| self.moments[row].is_some_and(|m| as_of.is_some_and(|a| m > a));
        let n_returns = count(&|row| self.is_return[row]);
        let fate = match self.returns {
            Returns::Net => "are returns: their money is taken off",
            Returns::Exclude => "are returns and are left out",
            Returns::Keep => "are returns and count like any other",
        };
        let told = [
            (count(&|row| self.moments[row].is_none()), "have no timestamp and are left out"),
            (count(&|row| self.money[row].is_none()), "have no amount and are left out"),
            (count(&is_late), "are later than `as_of` and are left out"),
            (n_returns, fate),
        ];
        let told = told.into_iter().filter(|(n, _)| *n > 0);
        told.map(|(n, what)| format!("{n} of {n_rows} rows {what}")).collect()
    }

    /// Returns the moment of a usable row.
    pub fn moment(&self, row: usize) -> i64 {
        self.moments[row].unwrap_or_default()
    }

    /// Returns the money of a usable row.
    pub fn money(&self, row: usize) -> f64 {
        self.money[row].unwrap_or_default()
    }

    /// Returns whether a usable row is a purchase.
    pub fn is_purchase(&self, row: usize) -> bool {
        !self.is_return[row] || self.returns == Returns::Keep
    }

    /// Returns how many purchases some rows are: different invoices, and rows without one.
    pub fn count(&self, rows: impl Iterator<Item = usize>) -> i64 {
        let Some(invoices) = &self.invoices else { return rows.count() as i64 };
        let (mut known, mut n_without) = (HashSet::new(), 0);
        for row in rows {
            match invoices[row] {
                Some(invoice) => {
                    known.insert(invoice);
                }
                None => n_without += 1,
            }
        }
        known.len() as i64 + n_without
    }
}

fn moments(when: &ArrayRef) -> Result<Vec<Option<i64>>, StageError> {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let cast = compute::cast(when, &micros).map_err(FrameError::from)?;
    Ok(cast.as_primitive::<TimestampMicrosecondType>().iter().collect())
}

/// An invoice such as `C536379` is a cancellation where plain numbers are the rule; a shop that numbers
/// all its invoices that way has none.
fn cancelled(invoice: &ArrayRef, prefix: &str) -> Vec<bool> {
    let Some(texts) = invoice.as_string_opt::<i32>() else { return vec![false; invoice.len()] };
    let starts_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let marked = |text: &str| text.strip_prefix(prefix).is_some_and(starts_with_digit);
    let has_plain = texts.iter().flatten().any(starts_with_digit);
    let is_cancelled = |text: Option<&str>| text.is_some_and(marked);
    texts.iter().map(|text| has_plain && !prefix.is_empty() && is_cancelled(text)).collect()
}

/// Numbers the invoices, so that comparing them is cheap whatever their type.
fn numbered(invoice: &ArrayRef) -> Result<Vec<Option<usize>>, StageError> {
    let by_value = groups::Groups::new(invoice, |_| true)?;
    let mut numbers = vec![None; invoice.len()];
    for group in 0..by_value.len() {
        for &row in by_value.rows(group) {
            numbers[row] = Some(group);
        }
    }
    Ok(numbers)
}
