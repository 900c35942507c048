//! `features.rfm`: recency, frequency and monetary value of each customer from transactions, with scores and a
//! named segment. It does not know how scores are given (see `scores`) nor what a return is (see `purchases`).

mod purchases;
mod scores;

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array},
    datatypes::{DataType, Field, Schema},
};
use serde::Deserialize;
use serde_json::Value;

use self::purchases::{Purchases, Returns};
use crate::{
    frame::{
        Table,
        expr::{calendar::DAY, read_form, text_form},
        table::{is_temporal, schema_with_id, text_array, type_word},
    },
    kinds::{
        expressions,
        groups::{self, Groups},
    },
    ml::math,
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, PortType, Problem},
        params::{Param, Shape},
        work::Work,
    },
};

/// The kind.
pub struct FeaturesRfm;

static PARAMS: &[Param] = &[
    Param::required("customer", Shape::Text, "the column that says who bought; it becomes the id"),
    Param::required("timestamp", Shape::Text, "the column that says when: dates or timestamps"),
    Param::optional(
        "amount",
        Shape::Text,
        "the column with the money of a row; or `quantity` and `price`",
    ),
    Param::optional("quantity", Shape::Text, "the column with the number of pieces"),
    Param::optional("price", Shape::Text, "the column with the price of a piece"),
    Param::optional(
        "invoice",
        Shape::Text,
        "the column that tells purchases apart: frequency counts its values; without it, rows",
    ),
    Param::optional(
        "as_of",
        Shape::Text,
        "the moment from which recency is counted, such as 2011-12-10; later rows are left out \
         (default: the last timestamp plus one day)",
    ),
    Param::with_default(
        "returns",
        Shape::Choice(&["net", "exclude", "keep"]),
        "\"net\"",
        "rows with a negative amount or quantity, or whose invoice is cancelled: net takes their money \
         off but they are no purchases; exclude ignores them; keep treats them as any row",
    ),
    Param::with_default(
        "cancelled",
        Shape::Text,
        "\"C\"",
        "an invoice is cancelled if it starts with this and a digit follows, while others start with a digit",
    ),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    customer: String,
    timestamp: String,
    amount: Option<String>,
    quantity: Option<String>,
    price: Option<String>,
    invoice: Option<String>,
    as_of: Option<String>,
    returns: Returns,
    cancelled: String,
}

impl Kind for FeaturesRfm {
    fn name(&self) -> &'static str {
        "features.rfm"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Compute recency, frequency and monetary value of customers from transactions, with scores and segments"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(&[InputPort {
            name: "table",
            ty: PortType::Table,
            required: true,
            help: "transactions, one row each",
        }])
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[FixedOutput {
            name: "table",
            ty: PortType::Table,
            help: "one row a customer with a purchase, ordered by customer, who is the id: recency_days, \
                   frequency, monetary, r_score, f_score, m_score, rfm_segment, first_seen, last_seen",
        }]
    }

    fn check(&self, given: &Given) -> Checked {
        let mut checked = Checked::default();
        let Ok(params) = Params::deserialize(&given.params) else {
            return checked;
        };
        params.problems(&mut checked.problems);
        if let Some(schema) = given.schema("table") {
            params.problems_with(schema, &mut checked.problems);
            if let (Some(result), true) = (params.schema(schema), checked.problems.is_empty()) {
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
        _wanted: &[String],
    ) -> Vec<String> {
        let Ok(params) = Params::deserialize(params) else {
            return available.to_vec();
        };
        let read: Vec<&str> = params.columns().into_iter().map(|(_, name)| name).collect();
        available.iter().filter(|name| read.contains(&name.as_str())).cloned().collect()
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let params: Params = ctx.params()?;
        let mut notes = Vec::new();
        let table = rfm(&ctx.table("table")?, &params, ctx.work, &mut notes)?;
        notes.into_iter().for_each(|note| ctx.note(note));
        ctx.write("table", &table)
    }
}

impl Params {
    /// Returns the columns that are read, with the parameters that name them.
    fn columns(&self) -> Vec<(&'static str, &str)> {
        let optional = [
            ("amount", &self.amount),
            ("quantity", &self.quantity),
            ("price", &self.price),
            ("invoice", &self.invoice),
        ];
        let written = optional.into_iter().filter_map(|(key, name)| Some((key, name.as_deref()?)));
        [("customer", self.customer.as_str()), ("timestamp", self.timestamp.as_str())]
            .into_iter()
            .chain(written)
            .collect()
    }

    fn problems(&self, problems: &mut Vec<Problem>) {
        let money = match (&self.amount, &self.quantity, &self.price) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => "",
            (None, None, None) => "`amount` is missing",
            (Some(_), ..) => "`amount` stands beside `quantity` or `price`",
            _ => "`quantity` and `price` go together",
        };
        if !money.is_empty() {
            problems.push(Problem::new(&[], money, "name `amount`, or `quantity` and `price`"));
        }
        if self.as_of.as_deref().is_some_and(|text| read_form::timestamp(text).is_none()) {
            let message = "`as_of` is neither a date nor a timestamp";
            problems.push(Problem::new(
                &["as_of"],
                message,
                "write it as 2011-12-10 or 2011-12-10 18:00:00",
            ));
        }
        if OUTPUTS.contains(&self.customer.as_str()) {
            let message = format!("two columns would be called `{}`", self.customer);
            problems.push(Problem::new(&["customer"], message, "rename it with features.derive"));
        }
    }

    fn problems_with(&self, schema: &Schema, problems: &mut Vec<Problem>) {
        for (param, name) in self.columns() {
            problems.extend(expressions::missing(&[param], name, schema));
            let Ok(field) = schema.field_with_name(name) else { continue };
            if let Some(expected) = misfit(param, field.data_type()) {
                let found = type_word(field.data_type());
                let message = format!("column `{name}` is {found}, expected {expected}");
                let help = "give its type at ingest, or cast it with features.derive";
                problems.push(Problem::new(&[param], message, help));
            }
        }
    }

    fn schema(&self, schema: &Schema) -> Option<Schema> {
        let customer = schema.field_with_name(&self.customer).ok()?.data_type();
        let when = schema.field_with_name(&self.timestamp).ok()?.data_type();
        let types = [
            &DataType::Int64,
            &DataType::Int64,
            &DataType::Float64,
            &DataType::Int64,
            &DataType::Int64,
            &DataType::Int64,
            &DataType::Utf8,
            when,
            when,
        ];
        let outputs = OUTPUTS.into_iter().zip(types);
        let fields = std::iter::once((self.customer.as_str(), customer)).chain(outputs);
        let fields = fields.map(|(name, ty)| Field::new(name, ty.clone(), true)).collect();
        Some(schema_with_id(fields, Some(&self.customer)))
    }
}

const OUTPUTS: [&str; 9] = [
    "recency_days",
    "frequency",
    "monetary",
    "r_score",
    "f_score",
    "m_score",
    "rfm_segment",
    "first_seen",
    "last_seen",
];

/// Returns what a parameter's column should be, if it is not.
fn misfit(param: &str, found: &DataType) -> Option<&'static str> {
    let is_number = matches!(found, DataType::Int64 | DataType::Int32 | DataType::Float64);
    match param {
        "timestamp" if !is_temporal(found) => Some("dates or timestamps"),
        "amount" | "quantity" | "price" if !is_number => Some("numbers"),
        _ => None,
    }
}

/// What is known of a customer.
struct Customer {
    n_purchases: i64,
    monetary: f64,
    first: Option<usize>,
    last: Option<usize>,
}

fn rfm(
    table: &Table,
    params: &Params,
    work: &Work,
    notes: &mut Vec<String>,
) -> Result<Table, StageError> {
    let purchases = Purchases::read(table, params)?;
    let as_of = params.as_of.as_deref().and_then(read_form::timestamp);
    let as_of = as_of.or(purchases.last_moment().and_then(|last| last.checked_add(DAY)));
    let usable = purchases.usable(as_of);
    notes.extend(purchases.notes(as_of, table.n_rows()));
    let keys = column(table, &params.customer)?;
    let groups = Groups::new(keys, |row| usable[row])?;
    if groups.n_without_key > 0 {
        let n_usable = usable.iter().filter(|u| **u).count();
        notes.push(format!(
            "{} of {n_usable} rows have no `{}` and are left out",
            groups.n_without_key, params.customer
        ));
    }
    let customers = groups.map(work, |rows| Ok(customer(&purchases, rows)))?;
    // Who only returned things never bought anything, as far as this table knows.
    let bought: Vec<usize> =
        (0..customers.len()).filter(|&c| customers[c].n_purchases > 0).collect();
    if bought.len() < customers.len() {
        let n = customers.len() - bought.len();
        notes.push(format!(
            "{n} of {} customers have no purchase and are left out",
            customers.len()
        ));
    }
    let ids = groups::take(&groups.keys(keys)?, bought.iter().map(|&c| Some(c)))?;
    let customers: Vec<&Customer> = bought.iter().map(|&c| &customers[c]).collect();
    let as_of = as_of.unwrap_or_default();
    let table = figures(table, params, &purchases, &customers, (ids, as_of))?;
    notes.push(format!("recency is counted from {}", text_form::timestamp(as_of)));
    Ok(table)
}

fn customer(purchases: &Purchases, rows: &[usize]) -> Customer {
    let money: Vec<f64> = rows.iter().map(|&row| purchases.money(row)).collect();
    let bought = || rows.iter().copied().filter(|&row| purchases.is_purchase(row));
    let when = |row: &usize| purchases.moment(*row);
    Customer {
        n_purchases: purchases.count(bought()),
        monetary: math::sum(&money),
        first: bought().min_by_key(when),
        last: bought().max_by_key(when),
    }
}

fn figures(
    table: &Table,
    params: &Params,
    purchases: &Purchases,
    customers: &[&Customer],
    (ids, as_of): (ArrayRef, i64),
) -> Result<Table, StageError> {
    let last = |c: &Customer| c.last.map_or(0, |row| purchases.moment(row));
    let recency: Vec<i64> = customers.iter().map(|c| (as_of - last(c)).div_euclid(DAY)).collect();
    let frequency: Vec<i64> = customers.iter().map(|c| c.n_purchases).collect();
    let monetary: Vec<f64> = customers.iter().map(|c| c.monetary).collect();
    // Exact moments, so that customers of the same day are told apart only where the data does.
    let lateness: Vec<f64> = customers.iter().map(|c| last(c) as f64).collect();
    let frequencies: Vec<f64> = frequency.iter().map(|&f| f as f64).collect();
    let r = scores::quintiles(&lateness);
    let f = scores::quintiles(&frequencies);
    let m = scores::quintiles(&monetary);
    let segments = r.iter().zip(&f).map(|(r, f)| scores::segment(*r, *f));
    let when = column(table, &params.timestamp)?;
    let ints = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let columns: [ArrayRef; 9] = [
        ints(recency),
        ints(frequency),
        Arc::new(Float64Array::from(monetary)),
        ints(r.clone()),
        ints(f.clone()),
        ints(m),
        text_array(segments),
        groups::take(when, customers.iter().map(|c| c.first))?,
        groups::take(when, customers.iter().map(|c| c.last))?,
    ];
    let named = OUTPUTS.into_iter().zip(columns);
    let all = std::iter::once((params.customer.as_str(), ids)).chain(named).collect();
    Ok(Table::new(Some(&params.customer), all)?)
}

fn column<'t>(table: &'t Table, name: &str) -> Result<&'t ArrayRef, StageError> {
    table.column(name).map_err(|error| StageError::Column { port: "table".to_string(), error })
}

#[cfg(test)]
mod tests;
