//! What a running stage holds: parameters, inputs, sinks, threads. Never a path, the store, the clock or
//! the environment (a `command` alone is lent a scratch folder and declared variables).

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    sync::{Arc, Mutex, PoisonError},
};

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    base::{hash::ContentHash, memory::Lease},
    frame::{self, FrameError, Rows, Table, rows::Origin},
    stage::{
        error::StageError,
        scratch::Scratch,
        shared::Keep,
        sink::{TableSink, writing},
        work::Work,
    },
};

/// How many times its own size a table takes in memory while something is computed of it: itself, and a matrix of it.
const TABLE_AND_WORK: u64 = 2;

/// Bytes that are copied at a time.
const COPY_BYTES: usize = 1 << 16;

/// Opens an input's bytes.
type Opener = dyn Fn() -> io::Result<File> + Send + Sync;

/// The bytes on an input port.
#[derive(Clone)]
pub struct Input {
    /// What to call it in messages: `customers.table`, or a source file's relative path.
    pub label: String,
    /// The hash of its bytes.
    pub hash: ContentHash,
    bytes: InputBytes,
}

#[derive(Clone)]
enum InputBytes {
    File(Arc<Opener>),
    Memory(Bytes),
}

impl Input {
    /// Makes an input that is read from a file.
    pub fn from_file(
        label: impl Into<String>,
        hash: ContentHash,
        open: impl Fn() -> io::Result<File> + Send + Sync + 'static,
    ) -> Input {
        Input { label: label.into(), hash, bytes: InputBytes::File(Arc::new(open)) }
    }

    /// Makes an input that is in memory.
    pub fn from_bytes(label: impl Into<String>, bytes: impl Into<Bytes>) -> Input {
        let bytes = bytes.into();
        Input {
            label: label.into(),
            hash: ContentHash::of(&bytes),
            bytes: InputBytes::Memory(bytes),
        }
    }

    /// Reads the whole table.
    ///
    /// # Errors
    /// If the bytes are not Parquet or cannot be read.
    pub fn table(&self) -> Result<Table, FrameError> {
        match &self.bytes {
            InputBytes::File(open) => frame::parquet::read(open()?),
            InputBytes::Memory(bytes) => frame::parquet::read(bytes.clone()),
        }
    }

    /// Opens the table as a stream of chunks.
    ///
    /// # Errors
    /// If the bytes are not Parquet or cannot be read.
    pub fn rows(&self) -> Result<Rows, FrameError> {
        Rows::open(match &self.bytes {
            InputBytes::File(open) => Origin::File(open.clone()),
            InputBytes::Memory(bytes) => Origin::Memory(bytes.clone()),
        })
    }

    /// Returns how many bytes there are.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn n_bytes(&self) -> io::Result<u64> {
        match &self.bytes {
            InputBytes::File(open) => Ok(open()?.metadata()?.len()),
            InputBytes::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Opens the bytes as a stream.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.bytes {
            InputBytes::File(open) => Ok(Box::new(open()?)),
            InputBytes::Memory(bytes) => Ok(Box::new(io::Cursor::new(bytes.clone()))),
        }
    }
}

/// A whole stage on a `candidates` port.
#[derive(Clone)]
pub struct Candidate {
    /// Its instance name: `kmeans/k=4`.
    pub name: String,
    /// Its kind: `cluster.kmeans`.
    pub kind: String,
    /// Its canonical parameters.
    pub params: Value,
    /// Its outputs by port.
    pub ports: BTreeMap<String, Input>,
}

impl Candidate {
    /// Reads one of the candidate's outputs.
    ///
    /// # Errors
    /// If it has no such output or the bytes are damaged.
    pub fn table(&self, port: &str) -> Result<Table, StageError> {
        Ok(self.output(port)?.table()?)
    }

    fn output(&self, port: &str) -> Result<&Input, StageError> {
        self.ports.get(port).ok_or_else(|| {
            StageError::Internal(format!("candidate `{}` has no output `{port}`", self.name))
        })
    }
}

/// Everything that arrives at a stage.
#[derive(Clone, Default)]
pub struct Arrivals {
    /// Single inputs by port.
    pub single: BTreeMap<String, Input>,
    /// Whole stages by port, sorted by name.
    pub candidates: BTreeMap<String, Vec<Candidate>>,
    /// Source files in the order of their sorted relative paths.
    pub files: Vec<Input>,
    /// Declared environment variables.
    pub env: BTreeMap<String, String>,
    /// An empty folder, for `command` stages only.
    pub scratch: Option<Scratch>,
}

/// Where outputs go. The engine hashes what is written and commits it when the stage succeeds.
pub trait Outputs: Send {
    /// Opens the sink of an output. Opened again it starts anew: what was written before does not count.
    ///
    /// # Errors
    /// If the port does not exist or the medium fails.
    fn open(&mut self, port: &str) -> io::Result<Box<dyn Write + Send + '_>>;

    /// Notes how many rows an output has.
    fn set_rows(&mut self, port: &str, rows: u64);

    /// Notes something a person should hear of: rows dropped, a value coerced, an iteration cap met.
    fn note(&mut self, text: String);
}

/// What a running stage holds.
pub struct StageCtx<'a> {
    /// Threads, progress, cancellation.
    pub work: &'a Work,
    params: &'a Value,
    arrivals: &'a Arrivals,
    outputs: &'a mut dyn Outputs,
    /// What the stage holds of the run's budget of memory.
    lease: Mutex<Lease>,
}

impl<'a> StageCtx<'a> {
    /// Puts a context together.
    pub fn new(
        work: &'a Work,
        params: &'a Value,
        arrivals: &'a Arrivals,
        outputs: &'a mut dyn Outputs,
    ) -> StageCtx<'a> {
        StageCtx { work, params, arrivals, outputs, lease: Mutex::default() }
    }

    /// Returns the canonical parameters as the kind's own struct. Defaults are filled in already.
    ///
    /// # Errors
    /// [`StageError::Internal`] if the struct does not match the kind's own description.
    pub fn params<P: DeserializeOwned>(&self) -> Result<P, StageError> {
        serde_json::from_value(self.params.clone())
            .map_err(|error| StageError::Internal(format!("parameters: {error}")))
    }

    /// Returns the canonical parameters as they stand.
    pub fn raw_params(&self) -> &'a Value {
        self.params
    }

    /// Returns all single inputs, by port.
    pub fn inputs(&self) -> &'a BTreeMap<String, Input> {
        &self.arrivals.single
    }

    /// Returns a single input, if it is connected.
    pub fn input(&self, port: &str) -> Option<&'a Input> {
        self.arrivals.single.get(port)
    }

    /// Reads the table on a required input into memory, which takes its place in the run's budget: room for the table and
    /// for what is made of it.
    ///
    /// # Errors
    /// If the bytes are damaged, or the budget is too small for them.
    pub fn table(&self, port: &str) -> Result<Table, StageError> {
        let input = self
            .input(port)
            .ok_or_else(|| StageError::Internal(format!("input `{port}` is not connected")))?;
        if self.work.pool.memory().limit().is_some() {
            let rows = input.rows()?;
            let what = format!("the {} rows of `{port}` in memory", rows.n_rows());
            self.hold(rows.n_bytes_in_memory().saturating_mul(TABLE_AND_WORK), &what)?;
        }
        Ok(input.table()?)
    }

    /// Takes bytes out of the run's budget of memory until the stage ends; waits while other stages hold too much of it.
    ///
    /// # Errors
    /// [`StageError::Data`] naming what is needed and what is allowed, if it can never be had.
    pub fn hold(&self, n_bytes: u64, what: &str) -> Result<(), StageError> {
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let stopped = || self.work.cancel.is_cancelled();
        let taken = self.work.pool.memory().take(&mut lease, n_bytes, &stopped);
        taken.map_err(|too_little| StageError::too_little(too_little, what))?;
        Ok(self.work.check()?)
    }

    /// Takes bytes, with `for_all`, for one of `n` pieces of work of so many bytes each, as [`StageCtx::hold`] does, and for as
    /// many others beside it as there are threads and there is room. Returns how many pieces these are.
    ///
    /// # Errors
    /// As [`StageCtx::hold`].
    pub fn hold_some(
        &self,
        for_all: u64,
        each: u64,
        n: usize,
        what: &str,
    ) -> Result<usize, StageError> {
        self.hold(for_all.saturating_add(each), what)?;
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = &self.work.pool;
        let others = n.min(pool.n_threads()).saturating_sub(1);
        Ok(1 + pool.memory().take_more(&mut lease, each, others))
    }

    /// Opens the table on a required input as a stream of chunks.
    ///
    /// # Errors
    /// If the bytes are damaged.
    pub fn rows(&self, port: &str) -> Result<Rows, StageError> {
        let input = self
            .input(port)
            .ok_or_else(|| StageError::Internal(format!("input `{port}` is not connected")))?;
        Ok(input.rows()?)
    }

    /// Reads the first rows of the table on a required input.
    ///
    /// # Errors
    /// If the bytes are damaged.
    pub fn head(&self, port: &str, n_rows: usize) -> Result<Table, StageError> {
        let input = self
            .input(port)
            .ok_or_else(|| StageError::Internal(format!("input `{port}` is not connected")))?;
        Ok(match &input.bytes {
            InputBytes::File(open) => {
                frame::parquet::read_head(open().map_err(FrameError::from)?, n_rows)
            }
            InputBytes::Memory(bytes) => frame::parquet::read_head(bytes.clone(), n_rows),
        }?)
    }

    /// Reads the table on an optional input.
    ///
    /// # Errors
    /// If the bytes are damaged.
    pub fn optional_table(&self, port: &str) -> Result<Option<Table>, StageError> {
        self.input(port).map(|input| input.table()).transpose().map_err(StageError::from)
    }

    /// Returns the whole stages on a `candidates` port, sorted by name.
    pub fn candidates(&self, port: &str) -> &'a [Candidate] {
        self.arrivals.candidates.get(port).map_or(&[], Vec::as_slice)
    }

    /// Returns the source files in the order of their sorted relative paths.
    pub fn files(&self) -> &'a [Input] {
        &self.arrivals.files
    }

    /// Returns the declared environment variables.
    pub fn env(&self) -> &'a BTreeMap<String, String> {
        &self.arrivals.env
    }

    /// Returns the scratch folder of a `command`.
    pub fn scratch(&self) -> Option<&'a Scratch> {
        self.arrivals.scratch.as_ref()
    }

    /// Returns what `compute` makes of the input `port`, computed once for all stages of the run that ask for it under the
    /// same name: that of the kind and every parameter that it depends on.
    ///
    /// # Errors
    /// Those of `compute`.
    pub fn shared<T: Send + Sync + 'static>(
        &self,
        port: &str,
        what: &str,
        keep: Keep,
        compute: impl FnOnce() -> Result<T, StageError>,
    ) -> Result<Arc<T>, StageError> {
        match self.input(port) {
            Some(input) => self.work.shared.get((input.hash, what), keep, compute),
            None => compute().map(Arc::new),
        }
    }

    /// Writes a table to an output.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn write(&mut self, port: &str, table: &Table) -> Result<(), StageError> {
        let failed = |error| StageError::Io { intent: format!("writing output `{port}`"), error };
        let sink = self.outputs.open(port).map_err(failed)?;
        frame::parquet::write_on(table, sink, &self.work.pool).map_err(|e| writing(port, e))?;
        self.outputs.set_rows(port, table.n_rows() as u64);
        Ok(())
    }

    /// Writes bytes (an HTML page, a command's file) to an output.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn write_bytes(&mut self, port: &str, bytes: &[u8]) -> Result<(), StageError> {
        let failed = |error| StageError::Io { intent: format!("writing output `{port}`"), error };
        self.outputs.open(port).map_err(failed)?.write_all(bytes).map_err(failed)
    }

    /// Copies an output of a candidate to the output of the same name, byte by byte, so that it keeps its hash.
    ///
    /// # Errors
    /// If the candidate has no such output, its bytes are no table or not those of its hash, or the sink fails.
    pub fn copy(&mut self, candidate: &Candidate, port: &str) -> Result<(), StageError> {
        let input = candidate.output(port)?;
        let n_rows = input.rows()?.n_rows();
        let copying = |error| StageError::Io {
            intent: format!("copying {} to output `{port}`", input.label),
            error,
        };
        let mut hasher = blake3::Hasher::new();
        let mut reader = input.reader().map_err(copying)?;
        let mut sink = self.sink(port)?;
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let n = reader.read(&mut buffer).map_err(copying)?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            sink.write_all(&buffer[..n]).map_err(copying)?;
        }
        drop(sink);
        if ContentHash::from_digest(hasher.finalize()) != input.hash {
            let fact =
                "its bytes are not those of its hash; `orchestrate fsck` tells what is damaged";
            return Err(StageError::Data(format!("{}: {fact}", input.label)));
        }
        self.set_rows(port, n_rows as u64);
        Ok(())
    }

    /// Opens an output's sink, to stream into it.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn sink(&mut self, port: &str) -> Result<Box<dyn Write + Send + '_>, StageError> {
        self.outputs
            .open(port)
            .map_err(|error| StageError::Io { intent: format!("writing output `{port}`"), error })
    }

    /// Opens an output for a table that is written as its rows come; tell [`StageCtx::set_rows`] how many there were.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn table_sink(
        &mut self,
        port: &str,
        schema: SchemaRef,
    ) -> Result<TableSink<'_>, StageError> {
        let pool = &self.work.pool;
        TableSink::new(port, self.sink(port)?, schema, pool)
    }

    /// Notes how many rows an output written through [`StageCtx::sink`] has.
    pub fn set_rows(&mut self, port: &str, rows: u64) {
        self.outputs.set_rows(port, rows);
    }

    /// Tells a person something: rows dropped, a value coerced, an iteration cap met.
    pub fn note(&mut self, text: impl Into<String>) {
        self.outputs.note(text.into());
    }
}
