//! Names and notes for the segments of this run: those that people wrote, found again by way of the reference run where
//! there is one. It does not make names.

use std::collections::BTreeMap;

use crate::{
    kinds::segments::{
        figures::Segments,
        matching::{Matching, Pair},
        names,
        reference::{Old, Reference},
    },
    stage::error::StageError,
};

/// What a person says of segments, by their number: in the reference run if there is one, else in this run.
pub struct Written {
    /// Names.
    pub names: BTreeMap<i32, String>,
    /// Notes.
    pub notes: BTreeMap<i32, String>,
}

impl Written {
    /// Reads the parameters.
    ///
    /// # Errors
    /// If a key is not a number.
    pub fn parse(
        names: &BTreeMap<String, String>,
        notes: &BTreeMap<String, String>,
    ) -> Result<Written, StageError> {
        let read = |what: &str, map: &BTreeMap<String, String>| {
            names::parse(map).map_err(|key| {
                StageError::Data(format!("`{what}`: `{key}` is not a segment number"))
            })
        };
        Ok(Written { names: read("names", names)?, notes: read("notes", notes)? })
    }
}

/// Where a segment's name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A person wrote it in the pipeline file.
    Written,
    /// It had it in the reference run.
    Reference,
    /// It was made of its traits.
    Made,
}

impl Source {
    /// Returns the word in `summary`.
    pub fn word(self) -> &'static str {
        match self {
            Source::Written => "written",
            Source::Reference => "reference",
            Source::Made => "made",
        }
    }
}

/// What is known of the segments of this run before names are made.
pub struct Carried {
    /// Names by number.
    pub names: BTreeMap<i32, String>,
    /// A note for each segment, in the order of [`Segments::numbers`].
    pub notes: Vec<Option<String>>,
    /// Where each name comes from.
    pub from: Vec<Source>,
    /// What a person should hear of: names that found no segment.
    pub lost: Vec<String>,
}

/// Takes what was written for this run's own numbers.
///
/// # Errors
/// If it names a segment that is not there.
pub fn here(written: &Written, segments: &Segments) -> Result<Carried, StageError> {
    check(written, &segments.numbers, "segments are")?;
    let number = |index: usize| segments.numbers[index];
    let from = |index: usize| match written.names.contains_key(&number(index)) {
        true => Source::Written,
        false => Source::Made,
    };
    Ok(Carried {
        names: written.names.clone(),
        notes: (0..segments.len()).map(|i| written.notes.get(&number(i)).cloned()).collect(),
        from: (0..segments.len()).map(from).collect(),
        lost: Vec::new(),
    })
}

/// Takes what was written, or was so in the reference run, over to the segments that are the same by and large.
///
/// # Errors
/// If the pipeline file names a segment that the reference run does not have.
pub fn over(
    written: &Written,
    segments: &Segments,
    reference: &Reference,
    matching: &Matching,
) -> Result<Carried, StageError> {
    let known: Vec<i32> = reference.segments.iter().map(|old| old.number).collect();
    check(written, &known, "its segments are")?;
    let mut carried = Carried {
        names: BTreeMap::new(),
        notes: vec![None; segments.len()],
        from: vec![Source::Made; segments.len()],
        lost: Vec::new(),
    };
    for (index, pair) in matching.pairs.iter().enumerate() {
        let Some(pair) = pair.filter(Pair::is_close) else { continue };
        let old = &reference.segments[pair.old];
        let (name, from) = match written.names.get(&old.number) {
            Some(name) => (name, Source::Written),
            None => (&old.name, Source::Reference),
        };
        carried.names.insert(segments.numbers[index], name.clone());
        carried.from[index] = from;
        carried.notes[index] = written.notes.get(&old.number).or(old.note.as_ref()).cloned();
    }
    for (place, old) in reference.segments.iter().enumerate() {
        let is_found = matching.pairs.iter().flatten().any(|p| p.old == place && p.is_close());
        if !is_found {
            carried.lost.push(lost(old, written, place, segments, matching));
        }
    }
    Ok(carried)
}

/// Says that a segment of the reference run has no counterpart.
fn lost(
    old: &Old,
    written: &Written,
    place: usize,
    segments: &Segments,
    matching: &Matching,
) -> String {
    let name = written.names.get(&old.number).unwrap_or(&old.name);
    let nearest = matching.pairs.iter().enumerate().find_map(|(index, pair)| {
        let pair = pair.filter(|pair| pair.old == place)?;
        Some((segments.numbers[index], pair.share))
    });
    let why = match nearest {
        Some((number, share)) => format!(
            "segment {number} is nearest to it, and only {} of that came from it",
            crate::kinds::page::number::percent(share)
        ),
        None => "no segment is left for it".to_string(),
    };
    format!("`{name}` (segment {} of the reference run) has no counterpart: {why}", old.number)
}

fn check(written: &Written, known: &[i32], are: &str) -> Result<(), StageError> {
    for (what, map) in [("names", &written.names), ("notes", &written.notes)] {
        if let Some(unknown) = map.keys().find(|number| !known.contains(number)) {
            let known: Vec<String> = known.iter().map(i32::to_string).collect();
            return Err(StageError::Data(format!(
                "`{what}` has segment {unknown}, which is not there; {are} {}",
                known.join(", ")
            )));
        }
    }
    Ok(())
}
