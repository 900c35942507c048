//! `features.derive`: new columns by SQL expressions, a filter, and the choice of columns. Row by row, so
//! that training and serving cannot differ. It does not know what the columns are for.

mod lasting;
mod onnx;

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions},
    datatypes::{DataType, Field, Float64Type, Schema},
};
use serde::Deserialize;
use serde_json::Value;

use self::lasting::Lasting;
use crate::{
    frame::{
        Table,
        expr::{self, Expr},
        table::{id_of, schema_with_id},
    },
    kinds::expressions,
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, Lookup, PortType, Problem},
        params::{Param, Shape},
        row_by_row::{Remark, RowByRow},
        work::Work,
    },
};

/// The kind.
pub struct FeaturesDerive;

static PARAMS: &[Param] = &[
    Param::with_default(
        "columns",
        Shape::Pairs(&Shape::Expression),
        "{}",
        "new columns by name, in order: a later expression may use an earlier column; the name of an \
         existing column replaces it in its place",
    ),
    Param::optional(
        "where",
        Shape::Expression,
        "keep the rows for which this is true; it may use the new columns",
    ),
    Param::optional("select", Shape::TEXTS, "then keep these columns, in this order; the id stays"),
    Param::with_default("drop", Shape::TEXTS, "[]", "then leave these columns out; the id stays"),
    Param::with_default(
        "rename",
        Shape::Map(&Shape::Text),
        "{}",
        "last, new names for columns (old: new); the id follows its name",
    ),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    columns: Vec<(String, String)>,
    r#where: Option<String>,
    select: Option<Vec<String>>,
    drop: Vec<String>,
    rename: BTreeMap<String, String>,
}

/// What to do with a table.
struct Recipe {
    columns: Vec<(String, Expr)>,
    filter: Option<Expr>,
    select: Option<Vec<String>>,
    drop: Vec<String>,
    rename: BTreeMap<String, String>,
}

impl Kind for FeaturesDerive {
    fn name(&self) -> &'static str {
        "features.derive"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Compute new columns row by row with SQL expressions, filter rows, choose and rename columns"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(&[InputPort {
            name: "table",
            ty: PortType::Table,
            required: true,
            help: "the rows",
        }])
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[FixedOutput {
            name: "table",
            ty: PortType::Table,
            help: "the rows with their new columns, in the same order",
        }]
    }

    fn check(&self, given: &Given) -> Checked {
        let mut checked = Checked::default();
        let Some(recipe) = recipe(&given.params, &mut checked.problems) else { return checked };
        if let Some(schema) = given.schema("table") {
            let result = recipe.schema(schema, &mut checked);
            if checked.problems.is_empty() {
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
        match recipe(params, &mut Vec::new()) {
            Some(recipe) => recipe.columns_read(available, wanted),
            None => available.to_vec(),
        }
    }

    fn row_input(&self) -> Option<&'static str> {
        Some("table")
    }

    fn row_by_row(
        &self,
        params: &Value,
        _lookup: Lookup<'_>,
    ) -> Result<Option<Box<dyn RowByRow>>, StageError> {
        Ok(Some(Box::new(Lasting::of(sound(params)?))))
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let recipe = sound(ctx.raw_params())?;
        let rows = ctx.rows("table")?;
        recipe.fits(rows.schema())?;
        let work = ctx.work;
        work.progress.set_total(rows.n_rows() as u64);
        let derived = |chunk: Table| {
            let derived = recipe.apply(&chunk, work);
            work.progress.advance(chunk.n_rows() as u64);
            derived.map(|(table, told, _)| (table, told))
        };
        let (none, mut told) = derived(rows.none())?;
        let mut sink = ctx.table_sink("table", none.schema())?;
        rows.fold(None, &work.pool, derived, |(table, part)| {
            told.add(&part);
            sink.push_table(&table)
        })?;
        let n_rows = sink.finish()?;
        ctx.set_rows("table", n_rows);
        told.remarks().into_iter().for_each(|remark| ctx.note(remark.to_string()));
        Ok(())
    }
}

/// Parses parameters that were checked before.
fn sound(params: &Value) -> Result<Recipe, StageError> {
    let mut problems = Vec::new();
    let recipe = recipe(params, &mut problems);
    let unchecked = || StageError::Internal("unchecked expressions".to_string());
    recipe.filter(|_| problems.is_empty()).ok_or_else(unchecked)
}

/// Parses the parameters; every expression that cannot be parsed is a problem.
fn recipe(params: &Value, problems: &mut Vec<Problem>) -> Option<Recipe> {
    let written = Written::deserialize(params).ok()?;
    let mut columns = Vec::new();
    for (name, text) in written.columns {
        let path = ["columns", name.as_str()];
        if name.trim().is_empty() {
            problems.push(Problem::new(&path, "a column needs a name", ""));
        }
        // What cannot be parsed stands as null, so that expressions that use it are not reported as well.
        let parsed = expressions::parse(&text, &path, problems);
        if let Some(expr) = parsed.or_else(|| Expr::parse("null").ok()) {
            columns.push((name, expr));
        }
    }
    let filter = written.r#where.and_then(|text| expressions::parse(&text, &["where"], problems));
    for (old, new) in &written.rename {
        if new.trim().is_empty() {
            problems.push(Problem::new(&["rename", old], "a column needs a name", ""));
        }
    }
    let Written { select, drop, rename, .. } = written;
    Some(Recipe { columns, filter, select, drop, rename })
}

impl Recipe {
    /// Checks the expressions against a table whose columns nobody knew before it was there, all of them at once. A
    /// single mistake is left to whoever meets it, who knows more of it.
    fn fits(&self, schema: &Schema) -> Result<(), StageError> {
        let mut checked = Checked::default();
        self.schema(schema, &mut checked);
        if checked.problems.len() < 2 {
            return Ok(());
        }
        let told = checked.problems.iter().map(|problem| {
            let help = match problem.help.as_str() {
                "" => String::new(),
                help => format!("; {help}"),
            };
            format!("\n  `{}`: {}{help}", problem.path.join("."), problem.message)
        });
        let (n, told) = (checked.problems.len(), told.collect::<String>());
        Err(StageError::Data(format!("input `table`: {n} mistakes{told}")))
    }

    /// Returns the schema that a table of this schema becomes, and says what does not fit.
    fn schema(&self, schema: &Schema, checked: &mut Checked) -> Schema {
        let id = id_of(schema);
        let mut now = schema.clone();
        for (name, expr) in &self.columns {
            let path = ["columns", name.as_str()];
            if Some(name) == id.as_ref() {
                checked.problems.push(Problem::new(&path, id_is_kept(name), "choose another name"));
            }
            let data_type = expressions::type_in(expr, &now, &path, &mut checked.problems);
            now = with_field(&now, name, data_type);
        }
        if let Some(filter) = &self.filter
            && let Err(error) = filter.check_condition(&now)
        {
            checked.problems.push(expressions::problem(&["where"], &error));
        }
        let listed = |param: &'static str, names: &[String]| {
            let find = |(i, name): (usize, &String)| {
                expressions::missing(&[param, &i.to_string()], name, &now)
            };
            names.iter().enumerate().filter_map(find).collect::<Vec<_>>()
        };
        checked.problems.extend(listed("select", self.select.as_deref().unwrap_or_default()));
        checked.problems.extend(listed("drop", &self.drop));
        let names: Vec<String> = now.fields().iter().map(|f| f.name().clone()).collect();
        let kept = self.kept(&names, id.as_deref());
        for old in self.rename.keys().filter(|old| !kept.contains(old)) {
            let known = kept.iter().map(String::as_str);
            let help = crate::base::names::suggestion(old, known);
            let message = format!("there is no column `{old}` to rename");
            checked.problems.push(Problem::new(&["rename", old], message, help));
        }
        if let Some(twice) = self.clash(&kept) {
            let message = format!("two columns would be called `{twice}`");
            checked.problems.push(Problem::new(&["rename"], message, "rename or drop one of them"));
        }
        let fields = kept.iter().filter_map(|name| {
            now.field_with_name(name).ok().map(|f| f.clone().with_name(self.renamed(name)))
        });
        let id = id.map(|id| self.renamed(&id).to_string());
        schema_with_id(fields.collect(), id.as_deref())
    }

    /// Computes the new table; also returns which rows stay, if there is a filter.
    fn apply(
        &self,
        table: &Table,
        work: &Work,
    ) -> Result<(Table, Told, Option<BooleanArray>), StageError> {
        let id = table.id_name();
        let mut told = Told::default();
        let mut now = table.clone();
        for (name, expr) in &self.columns {
            if Some(name) == id.as_ref() {
                return Err(StageError::Data(format!("{}; choose another name", id_is_kept(name))));
            }
            let what = format!("column `{name}`");
            let values = expressions::eval(expr, &now, "table", &what, work)?;
            told.odd.push((name.clone(), n_odd(&values)));
            now = with_column(&now, name, values)?.at_row(table.first_row());
        }
        told.n_rows = now.n_rows();
        let mut kept = None;
        if let Some(filter) = &self.filter {
            let keep = expressions::condition(filter, &now, "table", "`where`", work)?;
            now = now.filter(&keep)?;
            told.n_left_out = told.n_rows - now.n_rows();
            kept = Some(keep);
        }
        Ok((self.shaped(&now, id.as_deref())?, told, kept))
    }

    /// Selects, drops and renames.
    fn shaped(&self, table: &Table, id: Option<&str>) -> Result<Table, StageError> {
        let names = table.names();
        let listed = self.select.iter().flatten().chain(&self.drop);
        for name in listed {
            table
                .column(name)
                .map_err(|error| StageError::Column { port: "table".to_string(), error })?;
        }
        let kept = self.kept(&names, id);
        if let Some(old) = self.rename.keys().find(|old| !kept.contains(old)) {
            return Err(expressions::missing_column("table", old, &kept));
        }
        if let Some(twice) = self.clash(&kept) {
            let message = format!("two columns would be called `{twice}`; rename or drop one");
            return Err(StageError::Data(message));
        }
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for name in &kept {
            let array = table.column(name)?.clone();
            fields.push(Field::new(self.renamed(name), array.data_type().clone(), true));
            arrays.push(array);
        }
        let id = id.map(|id| self.renamed(id));
        let options = RecordBatchOptions::new().with_row_count(Some(table.n_rows()));
        let schema = Arc::new(schema_with_id(fields, id));
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options);
        Ok(Table::from_batch(batch.map_err(crate::frame::FrameError::from)?))
    }

    /// Returns the columns that stay, in order, under their old names. An id that `select` does not
    /// list comes first.
    fn kept(&self, names: &[String], id: Option<&str>) -> Vec<String> {
        let mut kept: Vec<String> = match &self.select {
            None => names.to_vec(),
            Some(select) => {
                let unlisted = id.filter(|id| !select.iter().any(|name| name == id));
                let all = unlisted.map(str::to_string).into_iter().chain(select.iter().cloned());
                all.filter(|name| names.contains(name)).collect()
            }
        };
        kept.retain(|name| Some(name.as_str()) == id || !self.drop.contains(name));
        kept
    }

    fn renamed<'a>(&'a self, name: &'a str) -> &'a str {
        self.rename.get(name).map_or(name, String::as_str)
    }

    fn clash(&self, kept: &[String]) -> Option<String> {
        let mut new: Vec<&str> = kept.iter().map(|name| self.renamed(name)).collect();
        new.sort_unstable();
        new.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_string())
    }

    /// Walks the recipe backwards: a column that is computed here stands for what its expression reads.
    fn columns_read(&self, available: &[String], wanted: &[String]) -> Vec<String> {
        let mut names: Vec<&str> = available.iter().map(String::as_str).collect();
        for (name, _) in &self.columns {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let old = |new: &String| {
            let renamed = self.rename.iter().find(|(_, to)| *to == new).map(|(from, _)| from);
            renamed.unwrap_or(new).clone()
        };
        let mut needed: Vec<String> = wanted.iter().map(old).collect();
        let read = |expr: &Expr, needed: &mut Vec<String>| {
            for column in expr.columns() {
                if let Some(i) = expr::resolve(&column, names.iter().copied()) {
                    needed.push(names[i].to_string());
                }
            }
        };
        if let Some(filter) = &self.filter {
            read(filter, &mut needed);
        }
        for (name, expr) in self.columns.iter().rev() {
            if needed.contains(name) {
                needed.retain(|needed| needed != name);
                read(expr, &mut needed);
            }
        }
        available.iter().filter(|name| needed.contains(name)).cloned().collect()
    }
}

fn id_is_kept(name: &str) -> String {
    format!("`{name}` is the id, which an expression cannot replace")
}

fn with_field(schema: &Schema, name: &str, data_type: DataType) -> Schema {
    let mut fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
    let new = Field::new(name, data_type, true);
    match fields.iter_mut().find(|f| f.name() == name) {
        Some(old) => *old = new,
        None => fields.push(new),
    }
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn with_column(table: &Table, name: &str, values: ArrayRef) -> Result<Table, StageError> {
    let schema = with_field(&table.schema(), name, values.data_type().clone());
    let mut arrays = table.batch().columns().to_vec();
    match table.names().iter().position(|known| known == name) {
        Some(i) => arrays[i] = values,
        None => arrays.push(values),
    }
    let options = RecordBatchOptions::new().with_row_count(Some(table.n_rows()));
    let batch = RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options);
    Ok(Table::from_batch(batch.map_err(crate::frame::FrameError::from)?))
}

/// What is worth a word once all chunks are done.
#[derive(Default)]
struct Told {
    n_rows: usize,
    /// Values of each new column that are infinite or not a number.
    odd: Vec<(String, usize)>,
    n_left_out: usize,
}

impl Told {
    /// Takes in what another chunk of the same recipe tells.
    fn add(&mut self, other: &Told) {
        self.n_rows += other.n_rows;
        self.n_left_out += other.n_left_out;
        self.odd.iter_mut().zip(&other.odd).for_each(|((_, n), (_, more))| *n += more);
    }

    fn remarks(&self) -> Vec<Remark> {
        let odd = self.odd.iter().filter(|(_, n)| *n > 0).map(|(name, n)| Remark {
            before: format!("column `{name}` has "),
            n: *n,
            of: self.n_rows,
            after:
                "values that are infinite or not a number; `x / nullif(y, 0)` gives null instead"
                    .to_string(),
        });
        let mut remarks: Vec<Remark> = odd.collect();
        if self.n_left_out > 0 {
            remarks.push(Remark {
                before: "`where` left out ".to_string(),
                n: self.n_left_out,
                of: self.n_rows,
                after: "rows".to_string(),
            });
        }
        remarks
    }
}

/// A division by zero is infinite or not a number, which later stages do not expect.
fn n_odd(values: &ArrayRef) -> usize {
    let floats = values.as_primitive_opt::<Float64Type>();
    floats.map_or(0, |floats| floats.iter().flatten().filter(|v| !v.is_finite()).count())
}

#[cfg(test)]
mod tests;
