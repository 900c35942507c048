//! Answers on their way out, written by a thread of its own while others are computed. Nothing is seen of them before
//! the last one is written. It does not know what they say.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use arrow::datatypes::SchemaRef;

use crate::{
    app::{AppError, export::NewFile, spool},
    base::pool::Pool,
    frame::{
        FrameError, Table,
        export::{Format, RowsWriter},
    },
    stage::{error::StageError, work::Work},
};

/// Where answers go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into a file.
    File(PathBuf, Format),
    /// To standard output.
    Standard(Format),
    /// To whoever asked, as a table.
    Memory,
}

/// Tables that wait to be written.
const WAITING: usize = 2;

enum Told {
    /// A table with these columns begins, whatever was told before.
    Start(SchemaRef),
    Rows(Table),
}

/// Takes answers.
pub struct Sink(SyncSender<Told>);

impl Sink {
    /// Starts anew: what came before does not count.
    ///
    /// # Errors
    /// If the writer has failed.
    pub fn start(&self, schema: SchemaRef) -> Result<(), StageError> {
        self.0.send(Told::Start(schema)).map_err(|_| gone())
    }

    /// Takes rows.
    ///
    /// # Errors
    /// If the writer has failed.
    pub fn rows(&self, table: Table) -> Result<(), StageError> {
        self.0.send(Told::Rows(table)).map_err(|_| gone())
    }
}

/// Whoever hears of this hears of the writer's own error instead.
fn gone() -> StageError {
    StageError::Internal("the writer of answers is gone".to_string())
}

/// Lets `compute` fill a sink, and writes beside it. Returns what it returned, and the table if it was to stay in memory.
///
/// # Errors
/// Those of the writer, else those of `compute`; nothing was written then.
pub fn beside<A, B>(
    target: Target,
    work: &Work,
    compute: impl FnOnce(Sink) -> Result<(A, B), StageError>,
) -> Result<(A, B, Option<Table>), AppError> {
    let (sender, receiver) = sync_channel(WAITING);
    let pool = &work.pool;
    thread::scope(|scope| {
        let writer = scope.spawn(move || Written::of(target, &receiver, pool));
        let computed = compute(Sink(sender));
        let Ok(written) = writer.join() else {
            return Err(StageError::Internal("the writer of answers broke off".to_string()).into());
        };
        let written = written?;
        let (a, b) = computed?;
        match written {
            Some(written) => Ok((a, b, written.keep()?)),
            None => Err(StageError::Internal("no table of answers was begun".to_string()).into()),
        }
    })
}

/// All that was told, where nobody sees it yet.
enum Written {
    File(NewFile),
    Standard(File),
    Memory(Table),
}

impl Written {
    /// Writes what is told until nothing more is; `None` if no table was begun.
    fn of(target: Target, told: &Receiver<Told>, pool: &Pool) -> Result<Option<Written>, AppError> {
        let mut schema = None;
        let mut rows: Vec<Table> = Vec::new();
        let mut open: Option<Open> = None;
        for told in told {
            match told {
                Told::Start(new) => {
                    // The file of an earlier start goes away first: it has the same name.
                    drop(open.take());
                    rows.clear();
                    open = Open::of(&target, &new, pool)?;
                    schema = Some(new);
                }
                Told::Rows(table) => match &mut open {
                    Some(open) => open.push(&table)?,
                    None => rows.push(table),
                },
            }
        }
        match (open, schema) {
            (Some(open), _) => open.end().map(Some),
            (None, Some(schema)) => {
                let batches: Vec<_> = rows.iter().map(|table| table.batch().clone()).collect();
                let table = Table::from_batches(&schema, &batches).map_err(StageError::from)?;
                Ok(Some(Written::Memory(table)))
            }
            (None, None) => Ok(None),
        }
    }

    fn keep(self) -> Result<Option<Table>, AppError> {
        match self {
            Written::File(file) => file.keep().map(|()| None),
            Written::Standard(file) => {
                let copied = spool::copy(&file, &mut std::io::stdout().lock());
                match copied {
                    // A reader that went away (`| head`) has seen enough.
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(None),
                    other => other.map(|()| None).map_err(AppError::io("write", Path::new("-"))),
                }
            }
            Written::Memory(table) => Ok(Some(table)),
        }
    }
}

/// A file that is being written.
struct Open {
    place: PathBuf,
    file: Written,
    writer: RowsWriter<BufWriter<File>>,
}

impl Open {
    fn of(target: &Target, schema: &SchemaRef, pool: &Pool) -> Result<Option<Open>, AppError> {
        let (place, file, handle, format) = match target {
            Target::Memory => return Ok(None),
            Target::File(path, format) => {
                let file = NewFile::create(path)?;
                let handle = file.handle()?;
                (path.clone(), Written::File(file), handle, *format)
            }
            Target::Standard(format) => {
                let place = PathBuf::from("-");
                let file = spool::nameless().map_err(AppError::io("write", &place))?;
                let handle = file.try_clone().map_err(AppError::io("write", &place))?;
                (place, Written::Standard(file), BufWriter::new(handle), *format)
            }
        };
        let writer = RowsWriter::new(handle, format, schema, pool);
        let writer = writer.map_err(|error| failed(&place, error))?;
        Ok(Some(Open { place, file, writer }))
    }

    fn push(&mut self, table: &Table) -> Result<(), AppError> {
        self.writer.push(table).map_err(|error| failed(&self.place, error))
    }

    fn end(self) -> Result<Written, AppError> {
        self.writer.finish().map_err(|error| failed(&self.place, error))?;
        Ok(self.file)
    }
}

fn failed(place: &Path, error: FrameError) -> AppError {
    let error = match error {
        FrameError::Io(error) => error,
        other => std::io::Error::other(other),
    };
    AppError::io("write", place)(error)
}
