//! What can be said of an expression without a table: whether its functions exist and take so many arguments,
//! whether units of time are spelt right, whether what holds no column makes sense.
//! It does not know any column's type.

use arrow::datatypes::Schema;

use crate::{
    base::names,
    frame::expr::{
        ExprError,
        ast::{Ast, Literal, Node},
        bind::Binder,
        calendar,
        functions::{self, Function, date},
    },
};

/// What a call calls.
pub enum Callee<'a> {
    /// A function of the table.
    Function(&'static Function),
    /// A name of [`functions::BOUND`].
    Bound,
    /// `date_part` with a constant: the function that computes the part, and its argument.
    Part(&'static Function, &'a Ast),
}

/// Checks a whole expression.
///
/// # Errors
/// The first fault, from left to right.
pub fn check_all(ast: &Ast) -> Result<(), ExprError> {
    let mut has_columns = false;
    ast.each_column(&mut |_| has_columns = true);
    if !has_columns {
        return Binder::new(&Schema::empty()).bind(ast).map(|_| ());
    }
    if let Node::Call(name, args) = &ast.node {
        check(name, args, ast.at)?;
    }
    ast.children().into_iter().try_for_each(check_all)
}

/// Finds what a call calls.
///
/// # Errors
/// If there is no such function, it does not take so many arguments, or its unit of time does not exist.
pub fn check<'a>(name: &str, args: &'a [Ast], at: usize) -> Result<Callee<'a>, ExprError> {
    if let Some((_, least, most)) = functions::BOUND.iter().find(|(known, ..)| *known == name) {
        if !(*least..=*most).contains(&args.len()) {
            let wanted = if least == most { least.to_string() } else { format!("{least} or more") };
            let message = format!("`{name}` takes {wanted} arguments, not {}", args.len());
            return Err(ExprError::new(at, message, ""));
        }
        return match (name, args) {
            ("date_part" | "datepart", [part, of]) => Ok(Callee::Part(part_function(part)?, of)),
            _ => Ok(Callee::Bound),
        };
    }
    let Some(function) = Function::find(name) else {
        let message = format!("there is no function `{name}`");
        return Err(ExprError::new(at, message, functions::suggestion(name)));
    };
    let fits = |o: &functions::Overload| {
        o.takes.len() == args.len() || (o.repeats && args.len() > o.takes.len())
    };
    if !function.overloads.iter().any(fits) {
        let message = format!("`{name}` does not take {} arguments", args.len());
        return Err(ExprError::new(at, message, format!("it takes {}", function.usage())));
    }
    check_unit(name, args)?;
    Ok(Callee::Function(function))
}

fn part_function(part: &Ast) -> Result<&'static Function, ExprError> {
    let Node::Literal(Literal::Text(name)) = &part.node else {
        let help = "write it out, as in date_part('month', d)";
        return Err(ExprError::new(part.at, "the part of a date must be a constant", help));
    };
    date::part_function(name).and_then(Function::find).ok_or_else(|| {
        let known = calendar::UNITS.iter().chain(date::PARTS).copied();
        let message = format!("there is no part of a date '{name}'");
        ExprError::new(part.at, message, names::suggestion(name, known))
    })
}

fn check_unit(name: &str, args: &[Ast]) -> Result<(), ExprError> {
    let takes_unit = matches!(
        name,
        "date_diff" | "datediff" | "date_sub" | "datesub" | "date_trunc" | "datetrunc"
    );
    match args.first().map(|a| (&a.node, a.at)) {
        Some((Node::Literal(Literal::Text(unit)), at))
            if takes_unit && calendar::Unit::parse(unit).is_none() =>
        {
            let message = format!("there is no unit of time '{unit}'");
            let help = names::suggestion(unit, calendar::UNITS.iter().copied());
            Err(ExprError::new(at, message, help))
        }
        _ => Ok(()),
    }
}
