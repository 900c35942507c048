//! From the columns of a source, as they come, to a table with an id: in a file or in memory. It does not know how the source
//! is read: whoever does hands rows over in order, and again from the start where [`Taken::Again`] says so.

use std::{collections::HashMap, io::Write, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions},
    compute,
    datatypes::{DataType, Field, Schema, SchemaRef},
};

use crate::{
    base::{memory::Memory, pool::Pool},
    frame::{FrameError, Table, table::ID_KEY},
    kinds::ids::{self, Census, Duplicates, Repeats, Rules},
    stage::{
        error::{self, StageError},
        sink::TableSink,
    },
};

/// What is known of a source's ids from an earlier reading.
#[derive(Debug, Default)]
pub struct Known {
    /// False once an id that is a float was found not to be a whole number.
    fractions: bool,
    /// Ids that may occur more than once.
    suspects: Option<Vec<u64>>,
    /// Rows to leave out, in order; known once the suspects were looked at.
    dropped: Option<Vec<usize>>,
}

/// Where the table goes.
pub enum Destination<'o> {
    /// To a stage's output.
    Output(Box<dyn Write + Send + 'o>, Pool),
    /// Into memory.
    Memory,
    /// On, as they come; the budget of memory is that of whoever takes them.
    Flow(&'o mut dyn Flow, Memory),
}

/// Takes the rows of a source as they come.
pub trait Flow {
    /// Hears the columns, before any row. Heard again, what came before does not count.
    ///
    /// # Errors
    /// Those of whoever takes them.
    fn start(&mut self, schema: &SchemaRef) -> Result<(), StageError>;

    /// Takes the next rows, from row `first_row` of the source on; `place` tells where a row stands.
    ///
    /// # Errors
    /// Those of whoever takes them.
    fn rows(
        &mut self,
        batch: RecordBatch,
        first_row: usize,
        place: &dyn Fn(usize) -> error::Place,
    ) -> Result<(), StageError>;

    /// Returns true if rows without an id, and those that do not fit, are taken as well: told of by [`Flow::bad`], with
    /// null for what does not fit.
    fn takes_all(&self) -> bool {
        false
    }

    /// Hears of a row that does not fit: its number if it comes with the next rows, and why.
    ///
    /// # Errors
    /// Those of whoever takes them.
    fn bad(&mut self, _row: Option<usize>, error: StageError) -> Result<(), StageError> {
        Err(error)
    }
}

enum Sink<'o> {
    Output(Box<TableSink<'o>>),
    Memory(Vec<RecordBatch>),
    Flow(&'o mut dyn Flow),
}

/// What came of a reading.
pub enum Taken {
    /// The table: its rows, and what to tell.
    Done {
        /// The number of its rows.
        n_rows: u64,
        /// The table, if it went into memory.
        table: Option<Table>,
        /// What a person should hear of.
        notes: Vec<String>,
    },
    /// More is known now; the source is to be read again.
    Again,
}

/// One reading of a source.
pub struct Intake<'o, 'k> {
    rules: Rules<'k>,
    known: &'k Known,
    place: Option<Destination<'o>>,
    sink: Option<(Sink<'o>, SchemaRef)>,
    names: Vec<String>,
    types: Vec<DataType>,
    metadata: HashMap<String, String>,
    /// Where the id stands; `None` where `row` is added.
    position: Option<usize>,
    census: Census,
    repeats: Option<Repeats>,
    fractions: bool,
    /// Whether rows without an id are taken too.
    takes_all: bool,
    /// Rows that do not fit, until there is somebody to tell.
    bad: Vec<(Option<usize>, StageError)>,
}

impl<'o, 'k> Intake<'o, 'k> {
    /// Starts a reading.
    pub fn new(rules: Rules<'k>, known: &'k Known, place: Destination<'o>) -> Intake<'o, 'k> {
        // Rows go nowhere while it is found out which are to be left out.
        let repeats = match (&known.suspects, &known.dropped) {
            (Some(suspects), None) => Some(Repeats::of(suspects.clone())),
            _ => None,
        };
        let memory = match &place {
            Destination::Output(_, pool) => pool.memory().clone(),
            // Whoever wants it there has asked for all of it.
            Destination::Memory => Memory::default(),
            Destination::Flow(_, memory) => memory.clone(),
        };
        let takes_all = matches!(&place, Destination::Flow(flow, _) if flow.takes_all());
        Intake {
            rules,
            known,
            place: Some(place),
            sink: None,
            names: Vec::new(),
            types: Vec::new(),
            metadata: HashMap::new(),
            position: None,
            census: Census::within(memory),
            repeats,
            fractions: known.fractions,
            takes_all,
            bad: Vec::new(),
        }
    }

    /// Takes note of a row that does not fit.
    ///
    /// # Errors
    /// Those of whoever hears of it.
    pub fn bad(&mut self, row: Option<usize>, error: StageError) -> Result<(), StageError> {
        match &mut self.sink {
            Some((Sink::Flow(flow), _)) => flow.bad(row, error),
            _ => {
                self.bad.push((row, error));
                Ok(())
            }
        }
    }

    /// Hears the columns. `file` is for messages.
    ///
    /// # Errors
    /// [`StageError::Source`] if the id is not among them, or `row` is and is none.
    pub fn start(
        &mut self,
        names: &[String],
        types: &[DataType],
        metadata: HashMap<String, String>,
        file: &str,
    ) -> Result<(), StageError> {
        self.position = self.rules.position(names, file)?;
        (self.names, self.types, self.metadata) = (names.to_vec(), types.to_vec(), metadata);
        self.metadata.insert(ID_KEY.to_string(), self.rules.name().to_string());
        Ok(())
    }

    /// Takes in the columns of the next rows.
    ///
    /// # Errors
    /// If an id is missing, or the sink fails.
    pub fn rows(
        &mut self,
        mut columns: Vec<ArrayRef>,
        first_row: usize,
        place: &dyn Fn(usize) -> error::Place,
    ) -> Result<(), StageError> {
        let n_rows = columns.first().map_or(0, |c| c.len());
        if let Some(position) = self.position {
            let mut ids = columns[position].clone();
            if *ids.data_type() == DataType::Float64 && !self.fractions {
                match ids::whole_numbers(&ids) {
                    Some(whole) => ids = whole,
                    None => self.fractions = true,
                }
            }
            if self.fractions && !self.known.fractions {
                return Ok(());
            }
            if !self.takes_all {
                ids::all_there(&ids, self.rules.name(), first_row, place)?;
            }
            if let Some(repeats) = &mut self.repeats {
                return repeats.add(&ids, first_row);
            }
            if self.rules.duplicates != Some(Duplicates::Every) && self.known.dropped.is_none() {
                self.census.add(&there(&ids)?)?;
            }
            columns[position] = ids;
        } else {
            let numbers = first_row as i64..(first_row + n_rows) as i64;
            columns.insert(0, Arc::new(Int64Array::from_iter_values(numbers)));
        }
        self.open()?;
        let Some((sink, schema)) = &mut self.sink else { return Ok(()) };
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch = RecordBatch::try_new_with_options(schema.clone(), columns, &options)
            .map_err(FrameError::from)?;
        let batch = kept(batch, first_row, self.known.dropped.as_deref().unwrap_or_default())?;
        match sink {
            Sink::Output(sink) => sink.push(batch),
            Sink::Flow(flow) => flow.rows(batch, first_row, place),
            Sink::Memory(batches) => {
                batches.push(batch);
                Ok(())
            }
        }
    }

    /// Opens the sink, once the type of the id is known.
    fn open(&mut self) -> Result<(), StageError> {
        let Some(place) = self.place.take() else { return Ok(()) };
        let mut fields: Vec<Field> = self
            .names
            .iter()
            .zip(&self.types)
            .map(|(name, ty)| Field::new(name, ty.clone(), true))
            .collect();
        match self.position {
            None => fields.insert(0, Field::new(ids::ROW, DataType::Int64, true)),
            Some(i) if self.types[i] == DataType::Float64 && !self.fractions => {
                fields[i] = Field::new(&self.names[i], DataType::Int64, true);
            }
            Some(_) => {}
        }
        let schema = Arc::new(Schema::new_with_metadata(fields, self.metadata.clone()));
        let sink = match place {
            Destination::Output(bytes, pool) => {
                Sink::Output(Box::new(TableSink::new("table", bytes, schema.clone(), &pool)?))
            }
            Destination::Memory => Sink::Memory(Vec::new()),
            Destination::Flow(flow, _) => {
                flow.start(&schema)?;
                for (row, error) in self.bad.drain(..) {
                    flow.bad(row, error)?;
                }
                Sink::Flow(flow)
            }
        };
        self.sink = Some((sink, schema));
        Ok(())
    }

    /// Ends the reading; what came to be known goes into `known` with the result.
    ///
    /// # Errors
    /// If an id occurs twice and no rule says which to keep, or the sink fails.
    pub fn end(
        mut self,
        place: &dyn Fn(usize) -> error::Place,
    ) -> Result<(Taken, Option<Known>), StageError> {
        if self.fractions && !self.known.fractions {
            return Ok((Taken::Again, Some(Known { fractions: true, ..Known::default() })));
        }
        let fractions = self.known.fractions;
        if let Some(repeats) = self.repeats {
            let dropped = Some(repeats.dropped(&self.rules, place)?);
            return Ok((Taken::Again, Some(Known { fractions, suspects: None, dropped })));
        }
        let census = std::mem::take(&mut self.census);
        let suspects = census.suspects();
        if !suspects.is_empty() {
            let suspects = Some(suspects);
            return Ok((Taken::Again, Some(Known { fractions, suspects, dropped: None })));
        }
        self.open()?;
        let notes = ids::dropped_note(self.known.dropped.as_ref().map_or(0, Vec::len));
        let notes = notes.into_iter().collect();
        let (n_rows, table) = match self.sink {
            Some((Sink::Output(sink), _)) => (sink.finish()?, None),
            Some((Sink::Memory(batches), schema)) => {
                let table = Table::from_batches(&schema, &batches)?;
                (table.n_rows() as u64, Some(table))
            }
            Some((Sink::Flow(_), _)) | None => (0, None),
        };
        Ok((Taken::Done { n_rows, table, notes }, None))
    }
}

/// Returns the ids that are there.
fn there(ids: &ArrayRef) -> Result<ArrayRef, StageError> {
    if ids.null_count() == 0 {
        return Ok(ids.clone());
    }
    let known = compute::is_not_null(ids).and_then(|known| compute::filter(ids, &known));
    Ok(known.map_err(FrameError::from)?)
}

/// Returns the rows that are not among the `dropped` ones.
fn kept(
    batch: RecordBatch,
    first_row: usize,
    dropped: &[usize],
) -> Result<RecordBatch, StageError> {
    let end = first_row + batch.num_rows();
    let from = dropped.partition_point(|&row| row < first_row);
    let to = dropped.partition_point(|&row| row < end);
    if from == to {
        return Ok(batch);
    }
    let mut keep = vec![true; batch.num_rows()];
    dropped[from..to].iter().for_each(|&row| keep[row - first_row] = false);
    let kept = compute::filter_record_batch(&batch, &BooleanArray::from(keep));
    Ok(kept.map_err(FrameError::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::memory::Lease,
        frame::table::{float_array, int_array, opt_text_array, text_array},
    };

    /// Reads ids in pieces until nothing more is to be learnt.
    fn read(
        pieces: &[ArrayRef],
        rules: Rules<'_>,
    ) -> Result<(Table, Vec<String>, usize), StageError> {
        let place = |row: usize| error::Place {
            file: "f".to_string(),
            line: Some(row),
            ..error::Place::default()
        };
        let names = ["x".to_string(), "c".to_string()];
        let types = [DataType::Int64, pieces[0].data_type().clone()];
        let mut known = Known::default();
        for n_readings in 1.. {
            let mut intake = Intake::new(rules, &known, Destination::Memory);
            intake.start(&names, &types, HashMap::new(), "f")?;
            let mut first_row = 0;
            for ids in pieces {
                let end = first_row + ids.len();
                let values = int_array((first_row as i64..end as i64).collect());
                intake.rows(vec![values, ids.clone()], first_row, &place)?;
                first_row = end;
            }
            match intake.end(&place)? {
                (Taken::Done { table, notes, .. }, _) => {
                    return Ok((table.unwrap(), notes, n_readings));
                }
                (Taken::Again, more) => known = more.unwrap(),
            }
        }
        unreachable!("a source is read a few times")
    }

    fn own(id: &str, duplicates: Option<Duplicates>) -> Rules<'_> {
        Rules { id: Some(id), duplicates }
    }

    #[test]
    fn bad_ids_are_named() {
        let error = |ids: ArrayRef, id| read(&[ids], own(id, None)).unwrap_err().to_string();
        assert_eq!(
            error(text_array(["a", "b", "a"]), "c"),
            "f:2: id `a` of column `c` stands on f:0 already; set `duplicates: first`, `last` or `keep`"
        );
        assert!(error(opt_text_array([Some("a"), None]), "c").starts_with("f:1: id column `c`"));
        assert_eq!(
            error(text_array(["a"]), "cc"),
            "f: id column `cc` is not there, did you mean `c`?"
        );
    }

    /// Ten million ids took 160 MB that the budget of memory had never heard of.
    #[test]
    fn ids_count_in_the_budget_of_memory() {
        let own = Memory::new(Some(1)).take(&mut Lease::default(), 0, &|| true).unwrap_err().needed;
        let mut census = Census::within(Memory::new(Some(own + 40)));
        assert!(census.add(&int_array(vec![1, 2])).is_ok());
        let error = census.add(&text_array(["a"])).unwrap_err().to_string();
        assert!(error.contains("64 bits of each id") && error.contains("--memory"), "{error}");
    }

    #[test]
    fn duplicates_are_thinned_or_numbered() {
        let pieces = [int_array(vec![7, 8]), int_array(vec![7, 7])];
        let rows = |d| read(&pieces, own("c", Some(d))).unwrap();
        let (table, notes, n_readings) = rows(Duplicates::First);
        assert_eq!(table.integers("x").unwrap(), [Some(0), Some(1)]);
        assert_eq!(notes, ["2 rows with an id that occurs more than once left out"]);
        assert_eq!(n_readings, 3);
        assert_eq!(rows(Duplicates::Last).0.integers("x").unwrap(), [Some(1), Some(3)]);
        let (table, _, n_readings) = rows(Duplicates::Keep);
        assert_eq!((table.id_name().as_deref(), table.n_rows()), (Some("row"), 4));
        assert_eq!(table.names(), ["row", "x", "c"]);
        assert_eq!((n_readings, rows(Duplicates::Every).2), (1, 1));
    }

    #[test]
    fn ids_in_any_order_are_read_once_if_they_differ() {
        for ids in [text_array(["b", "a", "c"]), int_array(vec![3, 1, 2])] {
            assert_eq!(read(&[ids], own("c", None)).unwrap().2, 1);
        }
        let ordered = [text_array(["a", "b"]), text_array(["b", "c"])];
        assert!(read(&ordered, own("c", None)).unwrap_err().to_string().starts_with("f:2: id `b`"));
    }

    #[test]
    fn whole_floats_become_integers() {
        let ids = |pieces: &[Vec<f64>]| {
            let pieces: Vec<_> = pieces.iter().map(|p| float_array(p.clone())).collect();
            read(&pieces, own("c", None)).unwrap()
        };
        let (table, ..) = ids(&[vec![17850.0], vec![3.0]]);
        assert_eq!(table.integers("c").unwrap(), [Some(17850), Some(3)]);
        let (table, _, n_readings) = ids(&[vec![1.0, 2.0], vec![0.5]]);
        assert_eq!(table.floats("c").unwrap(), [1.0, 2.0, 0.5]);
        assert_eq!(n_readings, 2);
        assert_eq!(*ids(&[vec![]]).0.column("c").unwrap().data_type(), DataType::Int64);
    }

    #[test]
    fn an_added_id_must_not_hide_a_column() {
        let (table, ..) = read(&[text_array(["a", "a"])], Rules::default()).unwrap();
        assert_eq!(table.integers("row").unwrap(), [Some(0), Some(1)]);
        let known = Known::default();
        let mut intake = Intake::new(Rules::default(), &known, Destination::Memory);
        let names = ["row".to_string()];
        let error = intake.start(&names, &[DataType::Int64], HashMap::new(), "f").unwrap_err();
        assert!(error.to_string().contains("id: row"), "{error}");
    }
}
