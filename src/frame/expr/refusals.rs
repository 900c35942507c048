//! What looks like an expression and is none, and why: other rows, other moments, chance.
//! It does not know what is allowed.

use sqlparser::ast::{Expr as SqlExpr, Ident};

use crate::frame::expr::ExprError;

/// Explains that there are no tables to name.
pub(super) fn compound(parts: &[Ident], at: usize) -> ExprError {
    let name: Vec<_> = parts.iter().map(|p| p.value.as_str()).collect();
    let message = format!("`{}` names a table; an expression knows columns only", name.join("."));
    let help = format!("a name with a dot goes in double quotes: \"{}\"", name.join("."));
    ExprError::new(at, message, help)
}

/// Says why what another row, another moment or chance decides is not computed here.
pub(super) fn refuse_function(name: &str, at: usize) -> Result<(), ExprError> {
    const MOMENT: &[&str] = &[
        "now",
        "today",
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "get_current_timestamp",
        "get_current_time",
        "transaction_timestamp",
        "current_localtime",
        "current_localtimestamp",
        "age",
    ];
    const CHANCE: &[&str] =
        &["random", "rand", "uuid", "gen_random_uuid", "setseed", "uuidv4", "uuidv7"];
    const GROUP: &[&str] = &[
        "sum",
        "count",
        "avg",
        "mean",
        "min",
        "max",
        "median",
        "stddev",
        "variance",
        "mode",
        "quantile",
        "row_number",
        "rank",
        "dense_rank",
        "ntile",
        "lag",
        "lead",
        "string_agg",
    ];
    if MOMENT.contains(&name) {
        let message = format!("`{name}` would give another result at another time");
        let help =
            "write the date, as in date '2026-01-01', or a parameter: date '${params.as_of}'";
        return Err(ExprError::new(at, message, help));
    }
    if CHANCE.contains(&name) {
        let message = format!("`{name}` would give another result in every run");
        let help = "add the random column to the source, where its values are kept";
        return Err(ExprError::new(at, message, help));
    }
    if GROUP.contains(&name) {
        return Err(group(name, at));
    }
    Ok(())
}

fn group(name: &str, at: usize) -> ExprError {
    let message = format!("`{name}` looks at other rows; an expression sees one");
    let help = match name {
        "min" => "use features.aggregate, or least(a, b) within a row",
        "max" => "use features.aggregate, or greatest(a, b) within a row",
        _ => "use features.aggregate",
    };
    ExprError::new(at, message, help)
}

/// Explains why a piece of SQL is no scalar expression.
pub(super) fn refusal(expr: &SqlExpr, at: usize) -> ExprError {
    match expr {
        SqlExpr::Subquery(_) | SqlExpr::Exists { .. } | SqlExpr::InSubquery { .. } => {
            ExprError::new(
                at,
                "a subquery looks at other rows; an expression sees one",
                "use features.join or features.aggregate",
            )
        }
        other => {
            let text: String = other.to_string().chars().take(40).collect();
            ExprError::new(at, format!("`{text}` is not supported in an expression"), "")
        }
    }
}
