//! `POST /invocations` as MLflow's scoring server has it: `dataframe_split`, `dataframe_records`, `instances`, `inputs`,
//! or `text/csv`. It does not know other protocols.
//!
//! The format is told in MLflow's documentation of its inference server; what is wrong is answered with its
//! `error_code` and `message`.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    asked::{Asked, JSON, Reply, parse, without_nan},
    cell::{Cell, Record, Text},
    loaded::Loaded,
    problem::Problem,
};
use crate::frame::Table;

/// The body; keys that are not known are ignored there too.
#[derive(Deserialize)]
struct Invocation<'a> {
    #[serde(borrow)]
    dataframe_split: Option<Split<'a>>,
    #[serde(borrow)]
    dataframe_records: Option<Vec<Record<'a>>>,
    #[serde(borrow)]
    instances: Option<Vec<Record<'a>>>,
    #[serde(borrow)]
    inputs: Option<Inputs<'a>>,
}

#[derive(Deserialize)]
struct Split<'a> {
    #[serde(borrow)]
    columns: Vec<Text<'a>>,
    #[serde(borrow)]
    data: Vec<Vec<Cell<'a>>>,
    #[serde(rename = "index")]
    _index: Option<IgnoredAny>,
}

/// Columns by their names, or records.
enum Inputs<'a> {
    Columns(BTreeMap<String, Values<'a>>),
    Records(Vec<Record<'a>>),
}

/// The values of a column; one value alone is a column of one row.
struct Values<'a>(Vec<Cell<'a>>);

/// Answers.
///
/// # Errors
/// If the body cannot be read, or its rows are not what the run takes.
pub fn invocations(asked: &Asked<'_>) -> Result<Reply, Problem> {
    let loaded = asked.loaded;
    let answers = match asked.media().as_str() {
        "text/csv" => loaded.answer_file(asked.body.clone(), asked.work)?,
        JSON => {
            let json = without_nan(&asked.body);
            let rows = rows(loaded, parse(&json)?)?;
            loaded.answer(&rows, asked.work)?
        }
        other => {
            return Err(Problem::media(format!(
                "this predictor only supports the content types text/csv and application/json, got `{other}`"
            )));
        }
    };
    Ok(Reply::json(loaded.json(&answers)?, answers.n_rows))
}

fn rows(loaded: &Loaded, body: Invocation<'_>) -> Result<Table, Problem> {
    let (columns, scorer) = (&loaded.columns, &loaded.scorer);
    let Invocation { dataframe_split, dataframe_records, instances, inputs } = body;
    let n_given = usize::from(dataframe_split.is_some())
        + usize::from(dataframe_records.is_some())
        + usize::from(instances.is_some())
        + usize::from(inputs.is_some());
    if n_given != 1 {
        return Err(Problem::malformed(
            "the body must have exactly one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`",
        ));
    }
    let given: Vec<(String, Vec<Cell<'_>>)> = match (dataframe_split, inputs) {
        (Some(split), _) => transposed(split)?,
        (_, Some(Inputs::Columns(given))) => {
            given.into_iter().map(|(name, values)| (name, values.0)).collect()
        }
        (_, Some(Inputs::Records(records))) => return columns.of_records(scorer, &records),
        (None, None) => {
            let records = dataframe_records.or(instances).unwrap_or_default();
            return columns.of_records(scorer, &records);
        }
    };
    let n_rows = given.first().map_or(0, |(_, cells)| cells.len());
    columns.of_columns(scorer, n_rows, &given)
}

fn transposed(split: Split<'_>) -> Result<Vec<(String, Vec<Cell<'_>>)>, Problem> {
    let n_columns = split.columns.len();
    let mut columns: Vec<(String, Vec<Cell<'_>>)> =
        split.columns.into_iter().map(|name| (name.0.into_owned(), Vec::new())).collect();
    for (i, row) in split.data.into_iter().enumerate() {
        if row.len() != n_columns {
            return Err(Problem::malformed(format!(
                "row {i} of `data` has {} values for {n_columns} columns",
                row.len()
            )));
        }
        columns.iter_mut().zip(row).for_each(|((_, cells), cell)| cells.push(cell));
    }
    Ok(columns)
}

impl<'de: 'a, 'a> Deserialize<'de> for Inputs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Inputs<'a>, D::Error> {
        struct InputsVisitor;
        impl<'de> Visitor<'de> for InputsVisitor {
            type Value = Inputs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of columns, or a list of records")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inputs<'de>, A::Error> {
                let mut columns = BTreeMap::new();
                while let Some((name, values)) = map.next_entry()? {
                    columns.insert(name, values);
                }
                Ok(Inputs::Columns(columns))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Inputs<'de>, A::Error> {
                let mut records = Vec::new();
                while let Some(record) = items.next_element()? {
                    records.push(record);
                }
                Ok(Inputs::Records(records))
            }
        }
        deserializer.deserialize_any(InputsVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Values<'a>, D::Error> {
        struct ValuesVisitor;
        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = Values<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Values<'de>, A::Error> {
                let mut cells = Vec::new();
                while let Some(cell) = items.next_element()? {
                    cells.push(cell);
                }
                Ok(Values(cells))
            }
            fn visit_unit<E>(self) -> Result<Values<'de>, E> {
                Ok(Values(vec![Cell::Null]))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Values<'de>, E> {
                Ok(Values(vec![Cell::Bool(value)]))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Values<'de>, E> {
                Ok(Values(vec![Cell::Int(value)]))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Values<'de>, E> {
                let cell = i64::try_from(value).map_or(Cell::Float(value as f64), Cell::Int);
                Ok(Values(vec![cell]))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Values<'de>, E> {
                Ok(Values(vec![Cell::Float(value)]))
            }
            fn visit_str<E>(self, text: &str) -> Result<Values<'de>, E> {
                Ok(Values(vec![Cell::Text(text.to_string().into())]))
            }
        }
        deserializer.deserialize_any(ValuesVisitor)
    }
}
