//! Boosted trees in the forms that answer rows quickly, each made when it is first asked for. It does not know how they answer.

use std::{fmt, sync::OnceLock};

use super::{alone::Alone, blocks::Blocks, compiled::Compiled};
use crate::ml::classify::tree::Tree;

/// Trees that are made ready when they are first asked for many rows, or for few. It is no part of the model: whoever
/// changes the trees after that must start with a new one.
#[derive(Default)]
pub struct Ready {
    many: OnceLock<Option<Many>>,
    few: OnceLock<Option<Alone>>,
}

/// Trees ready for many rows.
pub(super) enum Many {
    /// No tree has more than six levels.
    Blocks(Blocks),
    /// Some tree has.
    Compiled(Compiled),
}

impl Many {
    fn new(trees: &[Tree], n_scores: usize) -> Option<Many> {
        match Blocks::new(trees, n_scores) {
            Some(blocks) => Some(Many::Blocks(blocks)),
            None => Compiled::new(trees, n_scores).map(Many::Compiled),
        }
    }

    /// Adds the answers of all trees to the margins of rows of `width` values, tree after tree in single precision.
    pub(super) fn add(&self, values: &[f64], width: usize, margins: &mut [f32]) {
        match self {
            Many::Blocks(blocks) => blocks.add(values, width, margins),
            Many::Compiled(compiled) => compiled.add(values, width, margins),
        }
    }

    /// Does so for few rows; false if that is not to be had here.
    pub(super) fn add_alone(&self, values: &[f64], width: usize, margins: &mut [f32]) -> bool {
        match self {
            Many::Blocks(blocks) => blocks.add_alone(values, width, margins),
            Many::Compiled(_) => false,
        }
    }

    /// Returns true if [`Many::add_alone`] answers.
    pub(super) fn answers_alone(&self) -> bool {
        matches!(self, Many::Blocks(blocks) if blocks.answers_alone())
    }

    /// Returns how many rows are answered sooner so than one by one.
    pub(super) fn least_rows(&self) -> usize {
        match self {
            Many::Blocks(_) => 7,
            Many::Compiled(_) => 12,
        }
    }
}

impl Ready {
    /// Returns the trees ready for many rows; `None` if they are too large for it.
    pub(super) fn get(&self, trees: &[Tree], n_scores: usize) -> Option<&Many> {
        self.many.get_or_init(|| Many::new(trees, n_scores)).as_ref()
    }

    /// Returns the trees ready for many rows if they are so already.
    pub(super) fn at_hand(&self) -> Option<&Many> {
        self.many.get()?.as_ref()
    }

    /// Returns the trees ready for rows one by one; `None` if they are too large for it.
    pub(super) fn alone(&self, trees: &[Tree], n_scores: usize) -> Option<&Alone> {
        self.few.get_or_init(|| Alone::new(trees, n_scores)).as_ref()
    }
}

impl Clone for Ready {
    fn clone(&self) -> Ready {
        Ready::default()
    }
}

impl PartialEq for Ready {
    fn eq(&self, _: &Ready) -> bool {
        true
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready")
    }
}
