//! Whether names in records may become paths. A record may come from anywhere, and a stage called `../..` must not reach
//! outside the store. It does not know where records lie nor what is done with the names.

use std::collections::BTreeMap;

use crate::{
    base::names,
    store::records::{HistoryEntry, KeyRecord, Manifest, OutputRecord},
};

/// Longest ending of a file's name.
const LONGEST_ENDING: usize = 16;

/// Checks every name in a manifest that is part of a path somewhere.
///
/// # Errors
/// What is wrong, as words that follow the record's path.
pub fn manifest(manifest: &Manifest) -> Result<(), String> {
    if !names::is_stage_name(&manifest.pipeline) {
        return Err(format!("names a pipeline `{}`", manifest.pipeline));
    }
    for stage in &manifest.stages {
        instance(&stage.name)?;
        if !names::is_stage_name(&stage.stage) {
            return Err(format!("names a stage `{}`", stage.stage));
        }
        for (port, output) in &stage.outputs {
            file(port, &output.ext)?;
        }
        for edge in &stage.edges {
            // Tables of an SQL stage may be called anything that is not a path.
            if !names::stays_inside(&edge.port) || edge.port.contains('/') {
                return Err(format!("names an input `{}`", edge.port));
            }
        }
    }
    Ok(())
}

/// Checks a key record in the same way.
///
/// # Errors
/// As [`manifest`].
pub fn key_record(record: &KeyRecord) -> Result<(), String> {
    outputs(&record.outputs)
}

/// Checks a history entry in the same way. Its `file` and its sources' paths are the person's own and may lie anywhere;
/// they are checked where they are used.
///
/// # Errors
/// As [`manifest`].
pub fn history_entry(entry: &HistoryEntry) -> Result<(), String> {
    if !names::is_stage_name(&entry.pipeline) {
        return Err(format!("names a pipeline `{}`", entry.pipeline));
    }
    for stage in &entry.stages {
        instance(&stage.stage)?;
        outputs(&stage.outputs)?;
    }
    Ok(())
}

fn outputs(outputs: &BTreeMap<String, OutputRecord>) -> Result<(), String> {
    outputs.iter().try_for_each(|(port, output)| file(port, &output.ext))
}

fn instance(name: &str) -> Result<(), String> {
    match names::stays_inside(name) {
        true => Ok(()),
        false => Err(format!("names a stage `{name}`")),
    }
}

fn file(port: &str, ending: &str) -> Result<(), String> {
    let plain = ending.is_empty() || names::is_file_name(ending);
    match names::is_file_name(port) && plain && ending.len() <= LONGEST_ENDING {
        true => Ok(()),
        false => Err(format!("names a file `{port}.{ending}`")),
    }
}
