//! Runs one stage in memory: for tests of kinds and for replaying a run's path on new rows.
//! It does not know the store or the engine.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::Value;

use crate::{
    base::node::Node,
    frame::Table,
    stage::{
        ctx::{Arrivals, Input, Outputs, StageCtx},
        error::StageError,
        kind::Kind,
        params,
        work::Work,
    },
};

/// The outputs of a stage that ran in memory.
#[derive(Debug, Default)]
pub struct MemoryOutputs {
    /// Bytes by port.
    pub bytes: BTreeMap<String, Vec<u8>>,
    /// Rows by port.
    pub rows: BTreeMap<String, u64>,
    /// Notes in order.
    pub notes: Vec<String>,
}

impl Outputs for MemoryOutputs {
    fn open(&mut self, port: &str) -> io::Result<Box<dyn Write + Send + '_>> {
        let bytes = self.bytes.entry(port.to_string()).or_default();
        bytes.clear();
        Ok(Box::new(bytes))
    }

    fn set_rows(&mut self, port: &str, rows: u64) {
        self.rows.insert(port.to_string(), rows);
    }

    fn note(&mut self, text: String) {
        self.notes.push(text);
    }
}

impl MemoryOutputs {
    /// Reads an output back as a table.
    ///
    /// # Errors
    /// If the stage did not write it, or not as Parquet.
    pub fn table(&self, port: &str) -> Result<Table, StageError> {
        let bytes = self
            .bytes
            .get(port)
            .ok_or_else(|| StageError::Internal(format!("output `{port}` was not written")))?;
        Ok(Input::from_bytes(port, bytes.clone()).table()?)
    }
}

/// Runs `kind` with canonical parameters on what arrives.
///
/// # Errors
/// Whatever the stage fails with.
pub fn run(
    kind: &dyn Kind,
    params: &Value,
    arrivals: &Arrivals,
    work: &Work,
) -> Result<MemoryOutputs, StageError> {
    let mut outputs = MemoryOutputs::default();
    kind.run(&mut StageCtx::new(work, params, arrivals, &mut outputs))?;
    Ok(outputs)
}

/// Checks parameters as a person would write them (JSON here) and returns the canonical ones.
///
/// # Errors
/// Every fault in one [`StageError::Data`].
pub fn canonical(kind: &dyn Kind, written: &Value) -> Result<Value, StageError> {
    let mut faults = Vec::new();
    let value = params::check(kind.params(), &Node::from_json(written), &mut faults);
    if faults.is_empty() {
        return Ok(value);
    }
    let texts: Vec<_> = faults.iter().map(|f| format!("{} {}", f.message, f.help)).collect();
    Err(StageError::Data(texts.join("; ")))
}

/// Makes an input from a table.
///
/// # Errors
/// If the table cannot be written as Parquet.
pub fn input(label: &str, table: &Table) -> Result<Input, StageError> {
    let mut bytes = Vec::new();
    crate::frame::parquet::write(table, &mut bytes)?;
    Ok(Input::from_bytes(label, bytes))
}
