//! Which slot each level of a column has, found once and looked up for every row. It does not know rows' other columns.

use std::{collections::HashMap, fmt, sync::OnceLock};

use super::CategoricalColumn;
use crate::kinds::prepare::settings::{Encode, Unknown};

/// Up to here it is quicker to compare with every level than to hash.
const FEW: usize = 8;

/// Marks a row whose level is not known.
const UNKNOWN: u32 = u32::MAX;

/// What follows from a column's levels, made when it is first asked for. It is no part of the column.
#[derive(Default)]
pub struct Derived(OnceLock<Known>);

/// What follows from a column's levels.
pub struct Known {
    /// How many slots there are.
    pub n_slots: usize,
    /// The value that each slot is encoded as; for one-hot the 1 of its own feature.
    pub codes: Vec<f64>,
    of_level: Lookup,
    of_missing: Option<u32>,
    otherwise: u32,
}

enum Lookup {
    Few(Vec<(String, u32)>),
    Many(HashMap<String, u32>),
}

/// The slots of levels; an absent one is none.
pub struct Places<'a> {
    /// Of each level.
    pub known: Vec<(&'a str, u32)>,
    /// Of a missing one.
    pub missing: Option<u32>,
    /// Of one that is not known.
    pub unknown: Option<u32>,
}

/// The slot of every row.
pub struct Slots(Vec<u32>);

impl CategoricalColumn {
    pub(super) fn derived(&self) -> &Known {
        self.derived.0.get_or_init(|| Known::of(self))
    }

    /// Returns the value that each slot is encoded as; for one-hot the 1 of its own feature.
    pub fn codes(&self) -> &[f64] {
        &self.derived().codes
    }

    /// Returns the slot of every level.
    pub fn places(&self) -> Places<'_> {
        let derived = self.derived();
        let some = |slot: u32| (slot != UNKNOWN).then_some(slot);
        let levels = self.levels.iter().filter_map(|level| level.level.as_deref());
        Places {
            known: levels.map(|text| (text, derived.slot(self, Some(text)))).collect(),
            missing: some(derived.slot(self, None)),
            unknown: some(derived.otherwise),
        }
    }
}

impl Known {
    fn of(column: &CategoricalColumn) -> Known {
        let slots = column.slots();
        let n_rows = column.n_rows().max(1) as f64;
        let code = |(i, (_, count)): (usize, &(String, u64))| match column.encode {
            Encode::Onehot => 1.0,
            Encode::Ordinal => i as f64,
            Encode::Frequency => *count as f64 / n_rows,
        };
        let n_kept = column.levels.iter().filter(|l| !l.rare).count() as u32;
        let (mut of_level, mut of_missing, mut next) = (Vec::new(), None, 0);
        for level in &column.levels {
            let slot = if level.rare { n_kept } else { next };
            next += u32::from(!level.rare);
            match &level.level {
                Some(text) => of_level.push((text.clone(), slot)),
                None => of_missing = Some(slot),
            }
        }
        let any_rare = column.levels.iter().any(|l| l.rare);
        Known {
            n_slots: slots.len(),
            codes: slots.iter().enumerate().map(code).collect(),
            of_level: match of_level.len() {
                ..=FEW => Lookup::Few(of_level),
                _ => Lookup::Many(of_level.into_iter().collect()),
            },
            of_missing,
            otherwise: if column.unknown == Unknown::Other && any_rare { n_kept } else { UNKNOWN },
        }
    }

    /// Returns the slot of a level of the column.
    pub fn slot(&self, column: &CategoricalColumn, text: Option<&str>) -> u32 {
        let found = match text.or(column.fill.as_deref()) {
            Some(text) => self.of_level.get(text),
            None => self.of_missing,
        };
        found.unwrap_or(self.otherwise)
    }
}

impl Lookup {
    fn get(&self, text: &str) -> Option<u32> {
        match self {
            // A level comes once; should a damaged model have it twice, the last one counts, as it does below.
            Lookup::Few(levels) => levels.iter().rfind(|(level, _)| level == text).map(|(_, s)| *s),
            Lookup::Many(levels) => levels.get(text).copied(),
        }
    }
}

impl Slots {
    /// Takes the slot of every row.
    pub fn of_all(slots: impl Iterator<Item = u32>) -> Slots {
        Slots(slots.collect())
    }

    /// Returns the slot of a row; `None` for an unknown level.
    pub fn of(&self, row: usize) -> Option<usize> {
        self.0.get(row).filter(|slot| **slot != UNKNOWN).map(|slot| *slot as usize)
    }

    /// Returns the first row with an unknown level.
    pub fn first_unknown(&self) -> Option<usize> {
        self.0.iter().position(|slot| *slot == UNKNOWN)
    }
}

impl Clone for Derived {
    fn clone(&self) -> Derived {
        Derived::default()
    }
}

impl PartialEq for Derived {
    fn eq(&self, _: &Derived) -> bool {
        true
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived")
    }
}
