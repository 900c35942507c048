//! The parts of `segments.profile`: figures of every column in every segment, what tells segments apart
//! in words, and the page. It does not know how a stage is run; [`crate::kinds::segments_profile`] does.

pub mod figures;
pub mod join;
pub mod names;
pub mod space;
pub mod tables;
pub mod traits;

pub mod carried;
pub mod continuity;
pub mod matching;
pub mod old_champion;
pub mod reference;

pub mod answers;
pub mod bands;
pub mod cards;
pub mod dendrogram;
pub mod density;
pub mod details;
pub mod drivers;
pub mod exemplars;
pub mod map;
pub mod page;
pub mod rules;
pub mod selection;
pub mod stability;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;

/// The parameters of `segments.profile`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Names that a person gave, by segment number.
    pub names: BTreeMap<String, String>,
    /// Notes that a person made, by segment number.
    pub notes: BTreeMap<String, String>,
    /// The run that names and notes are carried over from: it is the engine that looks it up.
    #[serde(rename = "reference")]
    pub _reference: Option<String>,
    /// How many telling traits a segment gets.
    pub traits: usize,
    /// Levels of a category told one by one; the rest are one.
    pub top_levels: usize,
    /// Whether raw values stay out of every output.
    pub redact: bool,
}

/// Returns how a segment is called in a few characters: its number, or `noise`.
pub fn label(segment: i32) -> String {
    if segment < 0 { "noise".to_string() } else { segment.to_string() }
}
