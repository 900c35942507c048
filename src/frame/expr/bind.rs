//! Puts types on an expression for one table: names become columns, calls become overloads, and conversions
//! that happen without being asked become casts. It does not know any value but the constants.

use std::{cmp::Ordering, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray},
    datatypes::Schema,
};

use crate::{
    base::names,
    frame::{
        expr::{
            ExprError,
            ast::{Ast, Cmp, Literal, Node},
            calls::{self, Callee},
            cast,
            column::{Col, null_of},
            functions::{Function, Overload},
            resolve,
            types::{Target, Ty},
        },
        table::type_word,
    },
};

/// A typed piece of an expression.
#[derive(Clone)]
pub struct Bound {
    /// Characters before it.
    pub at: usize,
    /// Its type.
    pub ty: Ty,
    /// What it is.
    pub op: Op,
}

/// What a typed piece of an expression is. Operands have the types that the operation wants.
#[derive(Clone)]
pub enum Op {
    /// An entry of [`Binder::columns`].
    Column(usize),
    /// One value for every row.
    Constant(Col),
    /// A function or an arithmetic operator.
    Call(&'static Overload, Vec<Bound>),
    /// A comparison of two values of one type.
    Compare(Cmp, Box<[Bound; 2]>),
    /// `IS DISTINCT FROM`.
    Distinct(Box<[Bound; 2]>),
    /// `AND`.
    And(Box<[Bound; 2]>),
    /// `OR`.
    Or(Box<[Bound; 2]>),
    /// `NOT`.
    Not(Box<Bound>),
    /// `IS NULL`.
    IsNull(Box<Bound>),
    /// `IS TRUE` or `IS FALSE`.
    Is(bool, Box<Bound>),
    /// The value of the first arm whose condition is true; null if there is none.
    Case(Vec<(Bound, Bound)>),
    /// The first value that is not null.
    Coalesce(Vec<Bound>),
    /// `IN`.
    In(Box<Bound>, Vec<Bound>),
    /// `GREATEST` or `LEAST`.
    Extreme(Ordering, Vec<Bound>),
    /// A conversion; true for `TRY_CAST`.
    Cast(bool, Target, Box<Bound>),
}

type Result<T> = std::result::Result<T, ExprError>;

/// Binds expressions to one schema.
pub struct Binder<'a> {
    schema: &'a Schema,
    /// The columns met so far: index in the schema and type.
    pub columns: Vec<(usize, Ty)>,
}

impl<'a> Binder<'a> {
    /// Makes a binder that has met no column yet.
    pub fn new(schema: &'a Schema) -> Binder<'a> {
        Binder { schema, columns: Vec::new() }
    }

    /// Binds an expression.
    ///
    /// # Errors
    /// For unknown columns and functions, and types that do not fit.
    pub fn bind(&mut self, ast: &Ast) -> Result<Bound> {
        // One small frame a level: an expression may be deep.
        match &ast.node {
            Node::Column(name) => self.column(name, ast.at),
            Node::Literal(value) => Ok(literal(value, ast.at)),
            Node::Call(name, args) => self.call(name, args, ast.at),
            Node::And(a, b) | Node::Or(a, b) => self.logic(a, b, ast),
            Node::Case(operand, whens, otherwise) => {
                self.case(operand.as_deref(), whens, otherwise.as_deref(), ast.at)
            }
            Node::Cast(is_try, target, value) => {
                explicit_cast(self.bind(value)?, *target, *is_try, ast.at)
            }
            _ => self.predicate(ast),
        }
    }

    fn logic(&mut self, a: &Ast, b: &Ast, ast: &Ast) -> Result<Bound> {
        let both = Box::new([self.condition(a)?, self.condition(b)?]);
        let op = if matches!(ast.node, Node::And(..)) { Op::And(both) } else { Op::Or(both) };
        Ok(Bound { at: ast.at, ty: Ty::Bool, op })
    }

    fn predicate(&mut self, ast: &Ast) -> Result<Bound> {
        let at = ast.at;
        let op = match &ast.node {
            Node::Compare(cmp, a, b) => Op::Compare(*cmp, self.pair(a, b, "a comparison", at)?),
            Node::Distinct(a, b) => Op::Distinct(self.pair(a, b, "a comparison", at)?),
            Node::Not(a) => Op::Not(Box::new(self.condition(a)?)),
            Node::IsNull(a) => Op::IsNull(Box::new(self.bind(a)?)),
            Node::Is(value, a) => Op::Is(*value, Box::new(self.condition(a)?)),
            Node::In(value, list) => self.in_list(value, list, at)?,
            Node::Between(value, low, high) => self.between(value, low, high, at)?,
            _ => return Err(ExprError::new(at, "this is not a condition", "")),
        };
        Ok(Bound { at, ty: Ty::Bool, op })
    }

    fn in_list(&mut self, value: &Ast, list: &[Ast], at: usize) -> Result<Op> {
        let mut bound = vec![self.bind(value)?];
        bound.extend(self.bind_all(list)?);
        let mut all = unified(bound, "IN", at)?.1;
        let value = all.remove(0);
        Ok(Op::In(Box::new(value), all))
    }

    fn between(&mut self, value: &Ast, low: &Ast, high: &Ast, at: usize) -> Result<Op> {
        let all = vec![self.bind(value)?, self.bind(low)?, self.bind(high)?];
        let [value, low, high] = three(unified(all, "BETWEEN", at)?.1, at)?;
        let from = Op::Compare(Cmp::Ge, Box::new([value.clone(), low]));
        let to = Op::Compare(Cmp::Le, Box::new([value, high]));
        Ok(Op::And(Box::new([from, to].map(|op| Bound { at, ty: Ty::Bool, op }))))
    }

    fn bind_all(&mut self, asts: &[Ast]) -> Result<Vec<Bound>> {
        let mut bound = Vec::with_capacity(asts.len());
        for ast in asts {
            bound.push(self.bind(ast)?);
        }
        Ok(bound)
    }

    fn pair(&mut self, a: &Ast, b: &Ast, what: &str, at: usize) -> Result<Box<[Bound; 2]>> {
        let both = vec![self.bind(a)?, self.bind(b)?];
        two(unified(both, what, at)?.1, at)
    }

    fn column(&mut self, name: &str, at: usize) -> Result<Bound> {
        let names = self.schema.fields().iter().map(|f| f.name().as_str());
        let index = resolve(name, names.clone()).ok_or_else(|| {
            let mut help = names::suggestion(name, names.clone());
            if help.is_empty() && !name.is_empty() {
                help = format!("a text goes in single quotes: '{name}'");
            }
            ExprError::new(at, format!("there is no column `{name}`"), help)
        })?;
        let data_type = self.schema.field(index).data_type();
        let ty = Ty::of(data_type).ok_or_else(|| {
            let message = format!(
                "column `{name}` is {}, which expressions cannot read",
                type_word(data_type)
            );
            ExprError::new(at, message, "")
        })?;
        let known = self.columns.iter().position(|(known, _)| *known == index);
        let slot = known.unwrap_or_else(|| {
            self.columns.push((index, ty));
            self.columns.len() - 1
        });
        Ok(Bound { at, ty, op: Op::Column(slot) })
    }

    fn condition(&mut self, ast: &Ast) -> Result<Bound> {
        let bound = self.bind(ast)?;
        condition(bound)
    }

    fn case(
        &mut self,
        operand: Option<&Ast>,
        whens: &[(Ast, Ast)],
        otherwise: Option<&Ast>,
        at: usize,
    ) -> Result<Bound> {
        let mut conditions = Vec::new();
        match operand {
            None => {
                for (when, _) in whens {
                    conditions.push(self.condition(when)?);
                }
            }
            Some(operand) => {
                let mut all = vec![self.bind(operand)?];
                for (when, _) in whens {
                    all.push(self.bind(when)?);
                }
                let mut all = unified(all, "CASE", at)?.1;
                let operand = all.remove(0);
                for when in all {
                    let at = when.at;
                    let op = Op::Compare(Cmp::Eq, Box::new([operand.clone(), when]));
                    conditions.push(Bound { at, ty: Ty::Bool, op });
                }
            }
        }
        let mut values = Vec::new();
        for (_, then) in whens {
            values.push(self.bind(then)?);
        }
        if let Some(otherwise) = otherwise {
            values.push(self.bind(otherwise)?);
            conditions.push(constant(Arc::new(BooleanArray::from(vec![true])), Ty::Bool, at));
        }
        let (ty, values) = unified(values, "CASE", at)?;
        Ok(Bound { at, ty, op: Op::Case(conditions.into_iter().zip(values).collect()) })
    }

    fn call(&mut self, name: &str, args: &[Ast], at: usize) -> Result<Bound> {
        match calls::check(name, args, at)? {
            Callee::Function(function) => overloaded(function, self.bind_all(args)?, at),
            Callee::Bound => self.bound_call(name, args, at),
            Callee::Part(function, of) => {
                let args = vec![self.bind(of)?];
                overloaded(function, args, at)
            }
        }
    }

    /// Functions whose result's type depends on their arguments.
    fn bound_call(&mut self, name: &str, args: &[Ast], at: usize) -> Result<Bound> {
        let is = |ty, op| Ok(Bound { at, ty, op });
        match (name, args) {
            ("if", [condition, then, otherwise]) => {
                let whens = [(condition.clone(), then.clone())];
                self.case(None, &whens, Some(otherwise), at)
            }
            ("nullif", [a, b]) => {
                let value = self.bind(a)?;
                let equal = Op::Compare(Cmp::Eq, self.pair(a, b, "NULLIF", at)?);
                let differs = Op::Is(true, Box::new(Bound { at, ty: Ty::Bool, op: equal }));
                let differs = Bound { at, ty: Ty::Bool, op: differs };
                let differs = Bound { at, ty: Ty::Bool, op: Op::Not(Box::new(differs)) };
                is(value.ty, Op::Case(vec![(differs, value)]))
            }
            ("least" | "greatest", _) => {
                let (ty, all) = unified(self.bind_all(args)?, name, at)?;
                let wanted = if name == "least" { Ordering::Less } else { Ordering::Greater };
                is(ty, Op::Extreme(wanted, all))
            }
            _ => {
                let (ty, all) = unified(self.bind_all(args)?, name, at)?;
                is(ty, Op::Coalesce(all))
            }
        }
    }
}

fn constant(array: ArrayRef, ty: Ty, at: usize) -> Bound {
    Bound { at, ty, op: Op::Constant(Col::constant(array)) }
}

fn literal(value: &Literal, at: usize) -> Bound {
    match value {
        Literal::Null => Bound { at, ty: Ty::Null, op: Op::Constant(null_of(Ty::Null)) },
        Literal::Bool(b) => constant(Arc::new(BooleanArray::from(vec![*b])), Ty::Bool, at),
        Literal::Int(i) => constant(Arc::new(Int64Array::from(vec![*i])), Ty::Int, at),
        Literal::Float(f) => constant(Arc::new(Float64Array::from(vec![*f])), Ty::Float, at),
        Literal::Text(t) => constant(Arc::new(StringArray::from(vec![t.as_str()])), Ty::Text, at),
    }
}

/// A text constant is whatever the other operands are.
fn is_text_constant(bound: &Bound) -> bool {
    bound.ty == Ty::Text && matches!(bound.op, Op::Constant(_))
}

/// Returns the type that holds all of `items`, and the items cast to it.
fn unified(items: Vec<Bound>, what: &str, at: usize) -> Result<(Ty, Vec<Bound>)> {
    let has_text = items.iter().any(is_text_constant);
    let mut common: Option<Ty> = None;
    for item in items.iter().filter(|i| i.ty != Ty::Null && !is_text_constant(i)) {
        let so_far = common.unwrap_or(item.ty);
        let both = mixed(so_far, item.ty).ok_or_else(|| {
            let message = format!("cannot mix {} and {} in {what}", so_far.word(), item.ty.word());
            ExprError::new(at, message, "cast one of them, as in cast(x as varchar)")
        })?;
        common = Some(both);
    }
    let ty = common.unwrap_or(if has_text { Ty::Text } else { Ty::Null });
    let cast: Result<Vec<_>> = items.into_iter().map(|item| implicit_cast(item, ty)).collect();
    Ok((ty, cast?))
}

fn mixed(a: Ty, b: Ty) -> Option<Ty> {
    match (a, b) {
        (Ty::Bool, number) | (number, Ty::Bool) if number.is_number() => Some(number),
        _ => a.common(b),
    }
}

fn condition(bound: Bound) -> Result<Bound> {
    match bound.ty {
        Ty::Bool => Ok(bound),
        Ty::Null | Ty::Int | Ty::Float => implicit_cast(bound, Ty::Bool),
        Ty::Text if is_text_constant(&bound) => implicit_cast(bound, Ty::Bool),
        other => {
            let message = format!("expected a condition (true or false), found {}", other.word());
            Err(ExprError::new(bound.at, message, "compare it with something"))
        }
    }
}

fn implicit_cast(bound: Bound, to: Ty) -> Result<Bound> {
    if bound.ty == to {
        return Ok(bound);
    }
    let at = bound.at;
    explicit_cast(bound, Target::plain(to), false, at)
}

/// Constants are cast at once, so that a bad one is found before any row is looked at.
fn explicit_cast(value: Bound, target: Target, is_try: bool, at: usize) -> Result<Bound> {
    let ty = target.ty;
    if !cast::is_possible(value.ty, ty) {
        if is_try {
            return Ok(Bound { at, ty, op: Op::Constant(null_of(ty)) });
        }
        let message = format!("{} cannot be cast to {}", value.ty.word(), ty.word());
        return Err(ExprError::new(at, message, ""));
    }
    if let Op::Constant(col) = &value.op {
        let array = cast::cast(col, value.ty, target, is_try, 1)
            .map_err(|fault| ExprError::new(value.at, fault.message, ""))?;
        return Ok(constant(array, ty, at));
    }
    Ok(Bound { at, ty, op: Op::Cast(is_try, target, Box::new(value)) })
}

fn overloaded(function: &'static Function, args: Vec<Bound>, at: usize) -> Result<Bound> {
    let joins_text = matches!(function.names[0], "||" | "concat" | "concat_ws");
    let mut args = args;
    if joins_text {
        args = args.into_iter().map(|arg| implicit_cast(arg, Ty::Text)).collect::<Result<_>>()?;
    }
    let n = args.len();
    let cost = |overload: &Overload| {
        let costs = args.iter().enumerate().map(|(i, arg)| distance(arg, overload.takes(i, n)?));
        let fits =
            if overload.repeats { n >= overload.takes.len() } else { n == overload.takes.len() };
        fits.then(|| costs.sum::<Option<u32>>()).flatten()
    };
    let best = function
        .overloads
        .iter()
        .filter_map(|overload| cost(overload).map(|cost| (cost, overload)))
        .min_by_key(|(cost, _)| *cost);
    let Some((_, overload)) = best else { return Err(misfit(function, &args, at)) };
    let args: Result<Vec<_>> = args
        .into_iter()
        .enumerate()
        .map(|(i, arg)| match overload.takes(i, n) {
            Some(ty) => implicit_cast(arg, ty),
            None => Ok(arg),
        })
        .collect();
    Ok(Bound { at, ty: overload.gives, op: Op::Call(overload, args?) })
}

fn distance(arg: &Bound, to: Ty) -> Option<u32> {
    match to {
        Ty::Date | Ty::Timestamp | Ty::Interval if is_text_constant(arg) => Some(2),
        _ => arg.ty.distance(to),
    }
}

fn misfit(function: &Function, args: &[Bound], at: usize) -> ExprError {
    let name = function.names[0];
    let is_operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
    let types: Vec<_> = args.iter().map(|arg| arg.ty.word()).collect();
    if name == "//" {
        let help = "it divides integers; use floor(a / b)";
        return ExprError::new(at, format!("`//` does not take {}", types.join(" and ")), help);
    }
    if is_operator || name == "negate" {
        let name = if name == "negate" { "-" } else { name };
        let message = format!("`{name}` does not take {}", types.join(" and "));
        return ExprError::new(at, message, "cast an operand, as in cast(x as double)");
    }
    let message = format!("`{name}` does not take ({})", types.join(", "));
    ExprError::new(at, message, format!("it takes {}", function.usage()))
}

fn two(items: Vec<Bound>, at: usize) -> Result<Box<[Bound; 2]>> {
    let items: std::result::Result<[Bound; 2], _> = items.try_into();
    items.map(Box::new).map_err(|_| ExprError::new(at, "two operands were lost", ""))
}

fn three(items: Vec<Bound>, at: usize) -> Result<[Bound; 3]> {
    items.try_into().map_err(|_| ExprError::new(at, "three operands were lost", ""))
}
