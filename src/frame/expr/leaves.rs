//! Constants, numbers and the names of types, as they are spelled in SQL.
//! It does not know what stands around them.

use sqlparser::ast::Value;

use crate::{
    base::names,
    frame::expr::{
        ExprError,
        ast::{Literal, Node},
        types,
    },
};

/// Reads a constant.
pub(super) fn literal(value: &Value, at: usize) -> Result<Node, ExprError> {
    Ok(Node::Literal(match value {
        Value::Number(digits, _) => return number(digits, at),
        Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => {
            Literal::Text(text.clone())
        }
        Value::Boolean(b) => Literal::Bool(*b),
        Value::Null => Literal::Null,
        other => return Err(ExprError::new(at, format!("cannot read the constant {other}"), "")),
    }))
}

/// Digits alone are a whole number, a point or an exponent makes a float.
pub(super) fn number(digits: &str, at: usize) -> Result<Node, ExprError> {
    let digits = digits.replace('_', "");
    let is_whole = digits.trim_start_matches(['-', '+']).bytes().all(|b| b.is_ascii_digit());
    let wrong = |message| ExprError::new(at, message, "write it with a point to make it a float");
    if is_whole {
        let value = digits.parse::<i64>();
        return value
            .map(|i| Node::Literal(Literal::Int(i)))
            .map_err(|_| wrong(format!("{digits} does not fit a 64-bit integer")));
    }
    let value = digits.parse::<f64>();
    value
        .map(|f| Node::Literal(Literal::Float(f)))
        .map_err(|_| wrong(format!("cannot read the number {digits}")))
}

/// Reads the name of a type.
pub(super) fn target(sql_type: &str, at: usize) -> Result<types::Target, ExprError> {
    types::target(sql_type).ok_or_else(|| {
        let lower = sql_type.to_lowercase();
        let mut help = names::suggestion(&lower, types::TYPE_NAMES.iter().copied());
        if help.is_empty() {
            help = "use bigint, double, varchar, boolean, date or timestamp".to_string();
        }
        ExprError::new(at, format!("unknown type `{lower}`"), help)
    })
}
