//! `features.aggregate`: one row a key, with figures of the rows that have it. As pandas: missing values (NaN
//! too) are left out, `std` divides by n - 1, the sum of nothing is 0.
//! It does not know how one group's figure is computed.

mod figures;

use std::sync::Arc;

use arrow::{
    array::{Array, BooleanArray},
    datatypes::{DataType, Field, Schema},
};
use serde::Deserialize;
use serde_json::Value;

use self::figures::Figure;
use crate::{
    frame::{
        Table,
        expr::{self, Expr},
        table::{schema_with_id, type_word},
    },
    kinds::{expressions, groups::Groups},
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, PortType, Problem},
        params::{Param, Shape},
        work::Work,
    },
};

/// The kind.
pub struct FeaturesAggregate;

const FIGURES: &[&str] =
    &["count", "sum", "mean", "min", "max", "std", "median", "distinct", "first", "last"];

const COLUMN: &[Param] = &[
    Param::required(
        "agg",
        Shape::Choice(FIGURES),
        "count (rows; with `of`, values), sum, mean, min, max, std (ddof 1), median, distinct, first, last",
    ),
    Param::optional(
        "of",
        Shape::Expression,
        "a column or an SQL expression; only count does without",
    ),
    Param::optional(
        "by",
        Shape::Expression,
        "for first and last: what orders the rows of a key (default: their order in the table)",
    ),
    Param::optional("where", Shape::Expression, "only the rows for which this is true"),
];

static PARAMS: &[Param] = &[
    Param::required("key", Shape::Text, "the column to group by; it becomes the id"),
    Param::required(
        "columns",
        Shape::Pairs(&Shape::Object(COLUMN)),
        "new columns by name, each a figure: `{ agg: sum, of: amount, where: amount > 0 }`",
    ),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key: String,
    columns: Vec<(String, WrittenColumn)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenColumn {
    agg: Figure,
    of: Option<String>,
    by: Option<String>,
    r#where: Option<String>,
}

/// One output column.
struct Column {
    name: String,
    figure: Figure,
    of: Option<Expr>,
    by: Option<Expr>,
    filter: Option<Expr>,
}

impl Kind for FeaturesAggregate {
    fn name(&self) -> &'static str {
        "features.aggregate"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Group rows by a key and compute counts, sums, means and other figures of each group"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(&[InputPort {
            name: "table",
            ty: PortType::Table,
            required: true,
            help: "the rows, such as transactions",
        }])
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[FixedOutput {
            name: "table",
            ty: PortType::Table,
            help: "one row a key, ordered by it; the key is the id",
        }]
    }

    fn check(&self, given: &Given) -> Checked {
        let mut checked = Checked::default();
        let problems = &mut checked.problems;
        let Some((key, columns)) = parsed(&given.params, problems) else { return checked };
        if let Some(schema) = given.schema("table") {
            let result = schema_of(&key, &columns, schema, problems);
            if let Some(result) = result.filter(|_| problems.is_empty()) {
                checked.schemas.insert("table".to_string(), Arc::new(result));
            }
        }
        checked
    }

    fn columns_read(
        &self,
        params: &Value,
        _port: &str,
        available: &[String],
        wanted: &[String],
    ) -> Vec<String> {
        let Some((key, columns)) = parsed(params, &mut Vec::new()) else {
            return available.to_vec();
        };
        let wanted = columns.iter().filter(|column| wanted.contains(&column.name));
        let exprs = wanted.flat_map(|c| [&c.of, &c.by, &c.filter]).flatten();
        let names: Vec<String> = exprs.flat_map(Expr::columns).collect();
        let known = available.iter().map(String::as_str);
        let read: Vec<usize> =
            names.iter().filter_map(|name| expr::resolve(name, known.clone())).collect();
        let is_read = |(i, name): &(usize, &String)| **name == key || read.contains(i);
        available.iter().enumerate().filter(is_read).map(|(_, name)| name.clone()).collect()
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let mut problems = Vec::new();
        let parsed = parsed(ctx.raw_params(), &mut problems);
        let Some((key, columns)) = parsed.filter(|_| problems.is_empty()) else {
            return Err(StageError::Internal("unchecked expressions".to_string()));
        };
        let table = ctx.table("table")?;
        let (result, n_without_key) = aggregate(&table, &key, &columns, ctx.work)?;
        if n_without_key > 0 {
            let n_rows = table.n_rows();
            ctx.note(format!("{n_without_key} of {n_rows} rows have no `{key}` and are left out"));
        }
        ctx.write("table", &result)
    }
}

fn parsed(params: &Value, problems: &mut Vec<Problem>) -> Option<(String, Vec<Column>)> {
    let written = Written::deserialize(params).ok()?;
    let mut columns: Vec<Column> = Vec::new();
    for (name, column) in written.columns {
        let path = ["columns", name.as_str()];
        if name == written.key || columns.iter().any(|known| known.name == name) {
            let message = format!("two columns would be called `{name}`");
            problems.push(Problem::new(&path, message, "choose another name"));
        }
        let mut parse = |key: &str, text: Option<String>| {
            text.and_then(|text| expressions::parse(&text, &[path[0], path[1], key], problems))
        };
        let (has_of, has_by) = (column.of.is_some(), column.by.is_some());
        let (of, by) = (parse("of", column.of), parse("by", column.by));
        let filter = parse("where", column.r#where);
        let figure = column.agg;
        if !has_of && figure != Figure::Count {
            let message = format!("`{}` needs `of`", figure.word());
            problems.push(Problem::new(&path, message, "name a column or write an expression"));
        }
        if has_by && !matches!(figure, Figure::First | Figure::Last) {
            let message = format!("`{}` does not depend on an order", figure.word());
            problems.push(Problem::new(&[path[0], path[1], "by"], message, "leave `by` out"));
        }
        columns.push(Column { name, figure, of, by, filter });
    }
    Some((written.key, columns))
}

fn schema_of(
    key: &str,
    columns: &[Column],
    schema: &Schema,
    problems: &mut Vec<Problem>,
) -> Option<Schema> {
    problems.extend(expressions::missing(&["key"], key, schema));
    let key_field = schema.field_with_name(key).ok().cloned();
    let mut fields: Vec<Field> = key_field.into_iter().collect();
    for column in columns {
        let place = |key: &'static str| ["columns", column.name.as_str(), key];
        let of =
            column.of.as_ref().map(|of| expressions::type_in(of, schema, &place("of"), problems));
        if let Some(by) = &column.by {
            expressions::type_in(by, schema, &place("by"), problems);
        }
        if let Some(filter) = &column.filter
            && let Err(error) = filter.check_condition(schema)
        {
            problems.push(expressions::problem(&place("where"), &error));
        }
        let gives = match column.figure.gives(of.as_ref().unwrap_or(&DataType::Int64)) {
            Some(gives) => gives,
            None => {
                problems.push(Problem::new(&place("of"), misfit(column, of.as_ref()), ""));
                DataType::Null
            }
        };
        fields.push(Field::new(&column.name, gives, true));
    }
    Some(schema_with_id(fields, Some(key)))
}

fn misfit(column: &Column, of: Option<&DataType>) -> String {
    let found = of.map(type_word).unwrap_or_default();
    format!("`{}` needs numbers, found {found}", column.figure.word())
}

/// Returns the table of groups and the number of rows without a key.
fn aggregate(
    table: &Table,
    key: &str,
    columns: &[Column],
    work: &Work,
) -> Result<(Table, usize), StageError> {
    let keys = table
        .column(key)
        .map_err(|error| StageError::Column { port: "table".to_string(), error })?;
    let groups = Groups::new(keys, |_| true)?;
    work.progress.set_total(columns.len() as u64);
    let mut result = vec![(key, groups.keys(keys)?)];
    for column in columns {
        let what = format!("column `{}`", column.name);
        let compute = |expr: &Option<Expr>| {
            let expr = expr.as_ref();
            expr.map(|expr| expressions::eval(expr, table, "table", &what, work)).transpose()
        };
        let (of, by) = (compute(&column.of)?, compute(&column.by)?);
        let keep: Option<BooleanArray> = column
            .filter
            .as_ref()
            .map(|filter| expressions::condition(filter, table, "table", &what, work))
            .transpose()?;
        if let Some(of) = &of
            && column.figure.gives(of.data_type()).is_none()
        {
            let problem = misfit(column, Some(of.data_type()));
            return Err(StageError::Data(format!("{what}: {problem}")));
        }
        let keep = |row: usize| keep.as_ref().is_none_or(|keep| keep.value(row));
        let values =
            figures::compute(column.figure, &groups, of.as_ref(), by.as_ref(), &keep, work);
        let values = values.map_err(|error| match error {
            StageError::Data(text) => StageError::Data(format!("{what}: {text}")),
            other => other,
        })?;
        result.push((&column.name, values));
        work.progress.advance(1);
    }
    Ok((Table::new(Some(key), result)?, groups.n_without_key))
}

#[cfg(test)]
mod tests;
