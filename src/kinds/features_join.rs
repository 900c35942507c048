//! `features.join`: puts the columns of a right table beside the rows of a left one, by a key. Rows keep the
//! order of the left table, whose id stays the id; a row never becomes two.
//! It does not know what the columns mean.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{Array, ArrayRef},
    compute,
    datatypes::{DataType, Field, Schema},
    row::{RowConverter, Rows, SortField},
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
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, PortType, Problem},
        params::{Param, Shape},
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

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let join = join(ctx.raw_params(), &mut Vec::new());
        let join = join.ok_or_else(|| StageError::Internal("unchecked keys".to_string()))?;
        let (left, right) = (ctx.table("left")?, ctx.table("right")?);
        let (table, n_unmatched) = join.apply(&left, &right, ctx.work)?;
        if n_unmatched > 0 {
            let n_rows = left.n_rows();
            let fate = match join.how {
                How::Left => "have no match in the right table; their new columns are null",
                How::Inner => "have no match in the right table and are left out",
            };
            ctx.note(format!("{n_unmatched} of {n_rows} rows {fate}"));
        }
        ctx.write("table", &table)
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

    /// Returns the joined table and how many left rows match nothing.
    fn apply(
        &self,
        left: &Table,
        right: &Table,
        work: &Work,
    ) -> Result<(Table, usize), StageError> {
        let left_keys = key_columns(left, &self.left_on, "left")?;
        let right_keys = key_columns(right, &self.right_on, "right")?;
        let schema = self
            .schema(&left.schema(), &right.schema())
            .map_err(|(message, help)| StageError::Data(format!("{message}; {help}")))?;
        work.check()?;
        let matches = self.matches(&left_keys, &right_keys)?;
        work.check()?;
        let n_unmatched = matches.iter().filter(|m| m.is_none()).count();
        let kept: Vec<(usize, Option<usize>)> = matches
            .into_iter()
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
        Ok((Table::from_batch(batch.map_err(FrameError::from)?), n_unmatched))
    }

    /// Returns the matching right row of each left row. A key with a null matches nothing.
    fn matches(
        &self,
        left: &[ArrayRef],
        right: &[ArrayRef],
    ) -> Result<Vec<Option<usize>>, StageError> {
        let (left, right) = same_types(left, right)?;
        let fields = right.iter().map(|a| SortField::new(a.data_type().clone())).collect();
        let converter = RowConverter::new(fields).map_err(FrameError::from)?;
        let encode = |keys: &[ArrayRef]| -> Result<Rows, StageError> {
            Ok(converter.convert_columns(keys).map_err(FrameError::from)?)
        };
        let has_null = |keys: &[ArrayRef], row: usize| keys.iter().any(|key| key.is_null(row));
        let right_rows = encode(&right)?;
        // Only asked, never walked, so its order reaches nothing.
        let mut found: HashMap<&[u8], usize> = HashMap::with_capacity(right_rows.num_rows());
        for row in (0..right_rows.num_rows()).filter(|&row| !has_null(&right, row)) {
            if let Some(earlier) = found.insert(right_rows.row(row).data(), row) {
                return Err(self.twice(&right, earlier, row));
            }
        }
        let left_rows = encode(&left)?;
        let look = |row: usize| found.get(left_rows.row(row).data()).copied();
        Ok((0..left_rows.num_rows())
            .map(|row| if has_null(&left, row) { None } else { look(row) })
            .collect())
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

/// Both keys in common types, with one zero and one NaN.
fn same_types(
    left: &[ArrayRef],
    right: &[ArrayRef],
) -> Result<(Vec<ArrayRef>, Vec<ArrayRef>), StageError> {
    let mut both = (Vec::new(), Vec::new());
    for (l, r) in left.iter().zip(right) {
        let field = |array: &ArrayRef| Field::new("key", array.data_type().clone(), true);
        let ty = key_type(&field(l), &field(r)).map_err(StageError::Data)?;
        let cast = |array: &ArrayRef| compute::cast(array, &ty).map_err(FrameError::from);
        both.0.push(groups::plain(&cast(l)?));
        both.1.push(groups::plain(&cast(r)?));
    }
    Ok(both)
}

#[cfg(test)]
mod tests;
