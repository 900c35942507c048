//! The features of one column of a table, ready to be written row by row. It learns nothing.

use crate::{
    frame::{Table, table::is_temporal},
    kinds::prepare::{Column, categorical::Slots, in_column, numeric, settings::Encode},
    stage::error::StageError,
};

/// A column of a table, ready to be written row by row.
pub enum Values<'a> {
    /// A number, and where it was missing if a feature says so.
    Numbers { features: Vec<f64>, missing: Option<Vec<bool>> },
    /// A 1 in the slot's own feature.
    OneHot { slots: Slots, width: usize },
    /// The slot's code.
    Coded { slots: Slots, codes: &'a [f64], unknown: f64 },
}

impl<'a> Values<'a> {
    /// Reads the column that was learnt from.
    ///
    /// # Errors
    /// If it is missing, has another type, or a value that has no feature.
    pub fn read(column: &'a Column, table: &Table) -> Result<Values<'a>, StageError> {
        match column {
            Column::Numeric(column) => {
                let missing = match column.indicator {
                    true => Some(missing(table, &column.column)?),
                    false => None,
                };
                Ok(Values::Numbers { features: column.apply(table)?, missing })
            }
            Column::Categorical(column) => {
                let slots = column.apply(table)?;
                Ok(match column.encode {
                    Encode::Onehot => Values::OneHot { slots, width: column.width() },
                    _ => {
                        let (codes, unknown) = (column.codes(), column.unknown_code());
                        Values::Coded { slots, codes, unknown }
                    }
                })
            }
        }
    }

    /// Returns how many features it gives.
    pub fn width(&self) -> usize {
        match self {
            Values::Numbers { missing, .. } => 1 + usize::from(missing.is_some()),
            Values::OneHot { width, .. } => *width,
            Values::Coded { .. } => 1,
        }
    }

    /// Writes the row's features into a slice of zeros.
    pub fn write(&self, row: usize, out: &mut [f64]) {
        match self {
            Values::Numbers { features, missing } => {
                out[0] = features[row];
                if let Some(missing) = missing {
                    out[1] = f64::from(u8::from(missing[row]));
                }
            }
            Values::OneHot { slots, .. } => {
                if let Some(slot) = slots.of(row) {
                    out[slot] = 1.0;
                }
            }
            Values::Coded { slots, codes, unknown } => {
                out[0] = slots.of(row).map_or(*unknown, |slot| codes[slot]);
            }
        }
    }
}

/// Tells for each row whether the numeric or temporal column has no value there (NaN is none).
fn missing(table: &Table, name: &str) -> Result<Vec<bool>, StageError> {
    let date = is_temporal(table.column(name).map_err(in_column)?.data_type());
    Ok(numeric::read(table, name, date)?.iter().map(|v| v.is_nan()).collect())
}

/// Writes the features of a row before any reduction over zeros.
pub fn write_row(columns: &[Values<'_>], row: usize, features: &mut [f64]) {
    let mut rest = features;
    for column in columns {
        let (own, others) = rest.split_at_mut(column.width());
        column.write(row, own);
        rest = others;
    }
}
