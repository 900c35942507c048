//! `features.join`: puts the columns of a right table beside the rows of a left one, by a key. Rows keep the
//! order of the left table, whose id stays the id; a row never becomes two.
//! It does not know what the columns mean.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use arrow::{
    array::{Array, ArrayRef},
    compute,
    datatypes::{DataType, Field, Schema},
    row::{RowConverter, SortField},
    util::display::array_value_to_string,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    frame::{
        FrameError, Table,
        table::{id_of, schema_with_id, type_word},
    },
    kinds::{expressions, groups},
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, Lookup, PortType, Problem},
        params::{Param, Shape},
        row_by_row::{Applied, Remark, RowByRow},
        work::Work,
    },
};

/// The kind.
pub struct FeaturesJoin;

const NAMES: Shape = Shape::OneOf(&[Shape::Text, Shape::List { of: &Shape::Text, min: 1 }]);

static PARAMS: &[Param] = &[
    Param::optional("on", NAMES, "the key: a column of both tables, or a list of them"),
    Param::optional("left_on", NAMES, "the key in the left table, if it is called otherwise there"),
    Param::optional("right_on", NAMES, "the key in the right table"),
    Param::with_default(
        "how",
        Shape::Choice(&["left", "inner"]),
        "\"left\"",
        "left keeps every left row, with nulls where nothing matches; inner keeps the rows that match",
    ),
    Param::optional(
        "suffix",
        Shape::Text,
        "goes behind the names of right columns that the left table has as well",
    ),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    on: Option<Value>,
    left_on: Option<Value>,
    right_on: Option<Value>,
    how: How,
    suffix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum How {
    Left,
    Inner,
}

/// How two tables are put together.
struct Join {
    left_on: Vec<String>,
    right_on: Vec<String>,
    how: How,
    suffix: Option<String>,
}

impl Kind for FeaturesJoin {
    fn name(&self) -> &'static str {
        "features.join"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Put the columns of one table beside the rows of another by a key"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(&[
            InputPort {
                name: "left",
                ty: PortType::Table,
                required: true,
                help: "the table whose rows, order and id are kept",
            },
            InputPort {
                name: "right",
                ty: PortType::Table,
                required: true,
                help: "the table whose columns are added; every key stands there once at most",
            },
        ])
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[FixedOutput {
            name: "table",
            ty: PortType::Table,
            help: "the left columns, then the right ones without their key",
        }]
    }

    fn check(&self, given: &Given) -> Checked {
        let mut checked = Checked::default();
        let Some(join) = join(&given.params, &mut checked.problems) else { return checked };
        let (left, right) = (given.schema("left"), given.schema("right"));
        let mut look = |names: &[String], param: &str, schema: Option<&Arc<Schema>>| {
            let schema = schema?;
            let missing = |name: &String| expressions::missing(&[param], name, schema);
            checked.problems.extend(names.iter().filter_map(missing));
            Some(())
        };
        let shared = !given.params["on"].is_null();
        look(&join.left_on, if shared { "on" } else { "left_on" }, left);
        look(&join.right_on, if shared { "on" } else { "right_on" }, right);
        if let (Some(left), Some(right), true) = (left, right, checked.problems.is_empty()) {
            match join.schema(left, right) {
                Ok(schema) => {
                    checked.schemas.insert("table".to_string(), Arc::new(schema));
                }
                Err((message, help)) => checked.problems.push(Problem::new(&[], message, help)),
            }
        }
        checked
    }

    fn columns_read(
        &self,
        params: &Value,
        port: &str,
        available: &[String],
        wanted: &[String],
    ) -> Vec<String> {
        let Some(join) = join(params, &mut Vec::new()) else { return available.to_vec() };
        let keys = if port == "left" { &join.left_on } else { &join.right_on };
        let is_wanted = |name: &String| {
            let suffixed = join.suffix.as_ref().map(|suffix| format!("{name}{suffix}"));
            wanted.contains(name)
                || suffixed.is_some_and(|name| port != "left" && wanted.contains(&name))
        };
        available.iter().filter(|name| keys.contains(name) || is_wanted(name)).cloned().collect()
    }

    fn row_input(&self) -> Option<&'static str> {
        Some("left")
    }

    fn row_by_row(
        &self,
        params: &Value,
        lookup: Lookup<'_>,
    ) -> Result<Option<Box<dyn RowByRow>>, StageError> {
        Ok(Some(Box::new(Beside::new(sound(params)?, lookup("right")?))))
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let (left, right) = (ctx.table("left")?, ctx.table("right")?);
        let applied = Beside::new(sound(ctx.raw_params())?, right).apply(&left, ctx.work)?;
        applied.remarks.into_iter().for_each(|remark| ctx.note(remark.to_string()));
        ctx.write("table", &applied.table)
    }
}

/// Reads parameters that were checked before.
fn sound(params: &Value) -> Result<Join, StageError> {
    join(params, &mut Vec::new()).ok_or_else(|| StageError::Internal("unchecked keys".to_string()))
}

/// A right table whose columns go beside the rows of any left one.
struct Beside {
    join: Join,
    right: Table,
    /// Made for the first left rows; others have keys of the same types.
    index: OnceLock<Index>,
}

impl Beside {
    fn new(join: Join, right: Table) -> Beside {
        Beside { join, right, index: OnceLock::new() }
    }

    /// Returns the matching right row of each left row. A key with a null matches nothing.
    fn matches(&self, left: &Table) -> Result<Vec<Option<usize>>, StageError> {
        let keys = key_columns(left, &self.join.left_on, "left")?;
        let right = key_columns(&self.right, &self.join.right_on, "right")?;
        self.join.schema(&left.schema(), &self.right.schema()).map_err(misfit)?;
        let fits = |index: &&Index| keys.iter().map(|k| k.data_type()).eq(&index.left);
        if let Some(index) = self.index.get().filter(fits) {
            return index.find(&keys);
        }
        let index = Index::new(&self.join, &keys, &right)?;
        let found = index.find(&keys)?;
        // Where another has set it meanwhile, that one is as good.
        _ = self.index.set(index);
        Ok(found)
    }
}

/// The right rows by their keys.
struct Index {
    /// The types of the left keys that it is for.
    left: Vec<DataType>,
    /// The types in which keys are compared.
    common: Vec<DataType>,
    converter: RowConverter,
    /// Only asked, never walked, so its order reaches nothing.
    rows: HashMap<Box<[u8]>, usize>,
}

impl Index {
    fn new(join: &Join, left: &[ArrayRef], right: &[ArrayRef]) -> Result<Index, StageError> {
        let common = common_types(left, right)?;
        let right = plain_keys(right, &common)?;
        let fields = common.iter().map(|ty| SortField::new(ty.clone())).collect();
        let converter = RowConverter::new(fields).map_err(FrameError::from)?;
        let encoded = converter.convert_columns(&right).map_err(FrameError::from)?;
        let mut rows: HashMap<Box<[u8]>, usize> = HashMap::with_capacity(encoded.num_rows());
        for row in (0..encoded.num_rows()).filter(|&row| !has_null(&right, row)) {
            if let Some(earlier) = rows.insert(encoded.row(row).data().into(), row) {
                return Err(join.twice(&right, earlier, row));
            }
        }
        let left = left.iter().map(|key| key.data_type().clone()).collect();
        Ok(Index { left, common, converter, rows })
    }

    fn find(&self, left: &[ArrayRef]) -> Result<Vec<Option<usize>>, StageError> {
        let left = plain_keys(left, &self.common)?;
        let encoded = self.converter.convert_columns(&left).map_err(FrameError::from)?;
        let look = |row: usize| self.rows.get(encoded.row(row).data()).copied();
        let rows = 0..encoded.num_rows();
        Ok(rows.map(|row| if has_null(&left, row) { None } else { look(row) }).collect())
    }
}

fn has_null(keys: &[ArrayRef], row: usize) -> bool {
    keys.iter().any(|key| key.is_null(row))
}

impl RowByRow for Beside {
    fn apply(&self, left: &Table, work: &Work) -> Result<Applied, StageError> {
        work.check()?;
        let matches = self.matches(left)?;
        work.check()?;
        let table = self.join.apply(left, &self.right, &matches)?;
        let n_unmatched = matches.iter().filter(|m| m.is_none()).count();
        let (fate, kept) = match self.join.how {
            How::Left => ("have no match in the right table; their new columns are null", None),
            How::Inner => {
                let kept = (0..matches.len()).filter(|&row| matches[row].is_some()).collect();
                ("have no match in the right table and are left out", Some(kept))
            }
        };
        let remark = Remark {
            before: String::new(),
            n: n_unmatched,
            of: left.n_rows(),
            after: format!("rows {fate}"),
        };
        let remarks = Some(remark).filter(|r| r.n > 0).into_iter().collect();
        Ok(Applied { table, kept, remarks })
    }
}

fn join(params: &Value, problems: &mut Vec<Problem>) -> Option<Join> {
    let written = Written::deserialize(params).ok()?;
    let (left_on, right_on) = match (&written.on, &written.left_on, &written.right_on) {
        (Some(on), None, None) => (names(on), names(on)),
        (None, Some(left), Some(right)) => (names(left), names(right)),
        (None, None, None) => {
            problems.push(Problem::new(
                &[],
                "`on` is missing",
                "name the key that both tables have",
            ));
            return None;
        }
        (Some(_), ..) => {
            let message = "`on` stands beside `left_on` or `right_on`";
            problems.push(Problem::new(&["on"], message, "write `on`, or the other two"));
            return None;
        }
        _ => {
            let message = "`left_on` and `right_on` go together";
            problems.push(Problem::new(&[], message, "write both, or `on`"));
            return None;
        }
    };
    if left_on.len() != right_on.len() {
        let message =
            format!("`left_on` names {} columns, `right_on` {}", left_on.len(), right_on.len());
        problems.push(Problem::new(&["right_on"], message, "name as many on both sides"));
        return None;
    }
    Some(Join { left_on, right_on, how: written.how, suffix: written.suffix })
}

/// A text or a list of texts.
fn names(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_string);
    match value {
        Value::Array(items) => items.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

impl Join {
    /// Returns the joined schema, or what does not fit and what to do.
    fn schema(&self, left: &Schema, right: &Schema) -> Result<Schema, (String, &'static str)> {
        for (l, r) in self.left_on.iter().zip(&self.right_on) {
            if let (Ok(l), Ok(r)) = (left.field_with_name(l), right.field_with_name(r)) {
                key_type(l, r).map_err(|m| (m, "cast one of them with features.derive"))?;
            }
        }
        let mut fields: Vec<Field> = left.fields().iter().map(|f| f.as_ref().clone()).collect();
        for field in right.fields().iter().filter(|f| !self.right_on.contains(f.name())) {
            let taken = |name: &str| fields.iter().any(|f| f.name() == name);
            let mut name = field.name().clone();
            if taken(&name) {
                name.push_str(self.suffix.as_deref().unwrap_or_default());
            }
            if taken(&name) {
                let help = "set `suffix`, or rename or drop one of them before";
                return Err((format!("both tables have a column `{name}`"), help));
            }
            fields.push(Field::new(name, field.data_type().clone(), true));
        }
        Ok(schema_with_id(fields, id_of(left).as_deref()))
    }

    /// Returns the left rows that stay, each beside the right row that matches it.
    fn apply(
        &self,
        left: &Table,
        right: &Table,
        matches: &[Option<usize>],
    ) -> Result<Table, StageError> {
        let schema = self.schema(&left.schema(), &right.schema()).map_err(misfit)?;
        let kept: Vec<(usize, Option<usize>)> = matches
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, found)| self.how == How::Left || found.is_some())
            .collect();
        let mut arrays = Vec::with_capacity(schema.fields().len());
        for array in left.batch().columns() {
            arrays.push(groups::take(array, kept.iter().map(|(row, _)| Some(*row)))?);
        }
        for (name, array) in right.names().iter().zip(right.batch().columns()) {
            if !self.right_on.contains(name) {
                arrays.push(groups::take(array, kept.iter().map(|(_, found)| *found))?);
            }
        }
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(kept.len()));
        let batch =
            arrow::array::RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options);
        Ok(Table::from_batch(batch.map_err(FrameError::from)?))
    }

    fn twice(&self, right: &[ArrayRef], earlier: usize, row: usize) -> StageError {
        let one = |(name, key): (&String, &ArrayRef)| {
            format!("{name} {}", array_value_to_string(key, row).unwrap_or_default())
        };
        let key: Vec<String> = self.right_on.iter().zip(right).map(one).collect();
        StageError::Data(format!(
            "the right table has the key {} twice, in rows {earlier} and {row}; make it unique, \
             for example with features.aggregate",
            key.join(", ")
        ))
    }
}

fn key_columns(table: &Table, names: &[String], port: &str) -> Result<Vec<ArrayRef>, StageError> {
    let column = |name: &String| match table.column(name) {
        Ok(array) => Ok(array.clone()),
        Err(error) => Err(StageError::Column { port: port.to_string(), error }),
    };
    names.iter().map(column).collect()
}

/// Returns the type in which two keys are compared.
fn key_type(left: &Field, right: &Field) -> Result<DataType, String> {
    let (l, r) = (left.data_type(), right.data_type());
    let whole = |t: &DataType| matches!(t, DataType::Int32 | DataType::Int64);
    let number = |t: &DataType| whole(t) || *t == DataType::Float64;
    match () {
        () if l == r => Ok(l.clone()),
        () if whole(l) && whole(r) => Ok(DataType::Int64),
        () if number(l) && number(r) => Ok(DataType::Float64),
        () => Err(format!(
            "the keys `{}` ({}) and `{}` ({}) cannot be equal",
            left.name(),
            type_word(l),
            right.name(),
            type_word(r)
        )),
    }
}

/// Returns the types in which keys are compared.
fn common_types(left: &[ArrayRef], right: &[ArrayRef]) -> Result<Vec<DataType>, StageError> {
    let field = |array: &ArrayRef| Field::new("key", array.data_type().clone(), true);
    let common = left.iter().zip(right).map(|(l, r)| key_type(&field(l), &field(r)));
    common.collect::<Result<_, _>>().map_err(StageError::Data)
}

/// Keys in common types, with one zero and one NaN.
fn plain_keys(keys: &[ArrayRef], common: &[DataType]) -> Result<Vec<ArrayRef>, StageError> {
    let plain = |(key, ty): (&ArrayRef, &DataType)| {
        Ok(groups::plain(&compute::cast(key, ty).map_err(FrameError::from)?))
    };
    keys.iter().zip(common).map(plain).collect()
}

fn misfit((message, help): (String, &'static str)) -> StageError {
    StageError::Data(format!("{message}; {help}"))
}

#[cfg(test)]
mod tests;
