//! From the SQL parser's tree to ours: everything that is not a scalar expression is refused here.
//! It does not know columns, types or which functions exist.

use sqlparser::{
    ast::{
        BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DateTimeField, Expr as SqlExpr,
        Function, FunctionArg, FunctionArgExpr, FunctionArguments, Interval, Spanned,
        TrimWhereField, UnaryOperator, Value,
    },
    tokenizer::Location,
};

use crate::frame::expr::{
    ExprError,
    ast::{Ast, Cmp, Literal, Node},
    dialect::Source,
    leaves::{literal, number, target},
    refusals::{compound, refusal, refuse_function},
    types,
};

/// Deepest tree: evaluation recurses, and a thread's stack is finite.
const MAX_DEPTH: usize = 150;

type Lowered = Result<Node, ExprError>;

/// Parses an expression.
pub(super) fn parse(text: &str) -> Result<Ast, ExprError> {
    let source = Source::new(text);
    let tree = source.parse()?;
    Lowering { source, depth: 0 }.tree(&tree)
}

struct Lowering<'a> {
    source: Source<'a>,
    depth: usize,
}

impl Lowering<'_> {
    fn tree(&mut self, expr: &SqlExpr) -> Result<Ast, ExprError> {
        let at = self.source.offset(start(expr));
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let help = "split it into several columns";
            return Err(ExprError::new(at, "the expression is nested too deeply", help));
        }
        let node = self.node(expr, at)?;
        self.depth -= 1;
        Ok(Ast { at, node })
    }

    fn boxed(&mut self, expr: &SqlExpr) -> Result<Box<Ast>, ExprError> {
        Ok(Box::new(self.tree(expr)?))
    }

    fn trees<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e SqlExpr>,
    ) -> Result<Vec<Ast>, ExprError> {
        exprs.into_iter().map(|expr| self.tree(expr)).collect()
    }

    fn node(&mut self, expr: &SqlExpr, at: usize) -> Lowered {
        match expr {
            SqlExpr::Identifier(name) => Ok(Node::Column(name.value.clone())),
            SqlExpr::CompoundIdentifier(parts) => Err(compound(parts, at)),
            SqlExpr::Value(value) => literal(&value.value, at),
            SqlExpr::Nested(inner) => Ok(self.tree(inner)?.node),
            SqlExpr::BinaryOp { left, op, right } => self.binary(left, op, right, at),
            SqlExpr::UnaryOp { op, expr } => self.unary(*op, expr, at),
            SqlExpr::Function(function) => self.function(function, at),
            SqlExpr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            SqlExpr::Cast { kind, expr, data_type, format: None } => {
                let is_try = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                self.cast(is_try, expr, &data_type.to_string(), at)
            }
            SqlExpr::TypedString(typed) => {
                let text = literal(&typed.value.value, at)?;
                let target = target(&typed.data_type.to_string(), at)?;
                Ok(Node::Cast(false, target, Box::new(Ast { at, node: text })))
            }
            SqlExpr::Interval(interval) => self.interval(interval, at),
            _ => self.predicate(expr, at),
        }
    }

    fn predicate(&mut self, expr: &SqlExpr, at: usize) -> Lowered {
        let negate = |negated: bool, node: Node| {
            if negated { Node::Not(Box::new(Ast { at, node })) } else { node }
        };
        Ok(match expr {
            SqlExpr::IsNull(a) | SqlExpr::IsUnknown(a) => Node::IsNull(self.boxed(a)?),
            SqlExpr::IsNotNull(a) | SqlExpr::IsNotUnknown(a) => {
                negate(true, Node::IsNull(self.boxed(a)?))
            }
            SqlExpr::IsTrue(a) => Node::Is(true, self.boxed(a)?),
            SqlExpr::IsNotTrue(a) => negate(true, Node::Is(true, self.boxed(a)?)),
            SqlExpr::IsFalse(a) => Node::Is(false, self.boxed(a)?),
            SqlExpr::IsNotFalse(a) => negate(true, Node::Is(false, self.boxed(a)?)),
            SqlExpr::IsDistinctFrom(a, b) => Node::Distinct(self.boxed(a)?, self.boxed(b)?),
            SqlExpr::IsNotDistinctFrom(a, b) => {
                negate(true, Node::Distinct(self.boxed(a)?, self.boxed(b)?))
            }
            SqlExpr::InList { expr, list, negated } => {
                negate(*negated, Node::In(self.boxed(expr)?, self.trees(list)?))
            }
            SqlExpr::Between { expr, negated, low, high } => {
                let (value, low, high) = (self.boxed(expr)?, self.boxed(low)?, self.boxed(high)?);
                negate(*negated, Node::Between(value, low, high))
            }
            SqlExpr::Like { negated, any: false, expr, pattern, escape_char } => {
                let escape = escape_char.as_deref();
                negate(*negated, self.like("like", expr, pattern, escape)?)
            }
            SqlExpr::ILike { negated, any: false, expr, pattern, escape_char } => {
                let escape = escape_char.as_deref();
                negate(*negated, self.like("ilike", expr, pattern, escape)?)
            }
            _ => return self.spelled_function(expr, at),
        })
    }

    /// Functions for which SQL has a spelling of their own, such as `extract(year from d)`.
    fn spelled_function(&mut self, expr: &SqlExpr, at: usize) -> Lowered {
        let (name, args) = match expr {
            SqlExpr::Extract { field, expr, .. } => {
                let part = Ast { at, node: Node::Literal(Literal::Text(field_name(field))) };
                ("date_part", vec![part, self.tree(expr)?])
            }
            SqlExpr::Ceil {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => ("ceil", vec![self.tree(expr)?]),
            SqlExpr::Floor {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => ("floor", vec![self.tree(expr)?]),
            SqlExpr::Position { expr, r#in } => ("strpos", self.trees([&**r#in, &**expr])?),
            SqlExpr::Substring { expr, substring_from, substring_for, .. } => {
                let mut args = vec![self.tree(expr)?];
                match substring_from {
                    Some(from) => args.push(self.tree(from)?),
                    None => args.push(Ast { at, node: Node::Literal(Literal::Int(1)) }),
                }
                if let Some(length) = substring_for {
                    args.push(self.tree(length)?);
                }
                ("substring", args)
            }
            SqlExpr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let mut args = vec![self.tree(expr)?];
                let others = trim_characters.iter().flatten();
                args.extend(self.trees(trim_what.as_deref().into_iter().chain(others))?);
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "trim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                (name, args)
            }
            other => return Err(refusal(other, at)),
        };
        Ok(Node::Call(name.to_string(), args))
    }

    fn like(
        &mut self,
        name: &str,
        value: &SqlExpr,
        pattern: &SqlExpr,
        escape: Option<&SqlExpr>,
    ) -> Lowered {
        let args = [value, pattern].into_iter().chain(escape);
        Ok(Node::Call(name.to_string(), self.trees(args)?))
    }

    fn binary(
        &mut self,
        left: &SqlExpr,
        op: &BinaryOperator,
        right: &SqlExpr,
        at: usize,
    ) -> Lowered {
        use BinaryOperator as Op;
        let compare = match op {
            Op::Eq => Some(Cmp::Eq),
            Op::NotEq => Some(Cmp::Ne),
            Op::Lt => Some(Cmp::Lt),
            Op::LtEq => Some(Cmp::Le),
            Op::Gt => Some(Cmp::Gt),
            Op::GtEq => Some(Cmp::Ge),
            _ => None,
        };
        if let Some(cmp) = compare {
            if is_comparison(left) {
                let help = "combine comparisons with AND, or use BETWEEN";
                return Err(ExprError::new(at, "comparisons cannot be chained", help));
            }
            return Ok(Node::Compare(cmp, self.boxed(left)?, self.boxed(right)?));
        }
        let name = match op {
            Op::And => return Ok(Node::And(self.boxed(left)?, self.boxed(right)?)),
            Op::Or => return Ok(Node::Or(self.boxed(left)?, self.boxed(right)?)),
            Op::Plus => "+",
            Op::Minus => "-",
            Op::Multiply => "*",
            Op::Divide => "/",
            Op::DuckIntegerDivide => "//",
            Op::Modulo => "%",
            Op::StringConcat => "||",
            Op::BitwiseXor | Op::PGExp => "pow",
            other => {
                let message = format!("the operator `{other}` is not supported");
                return Err(ExprError::new(at, message, ""));
            }
        };
        Ok(Node::Call(name.to_string(), self.trees([left, right])?))
    }

    fn unary(&mut self, op: UnaryOperator, expr: &SqlExpr, at: usize) -> Lowered {
        match (op, expr) {
            (UnaryOperator::Minus, SqlExpr::Value(value)) => match &value.value {
                // The smallest integer exists with its sign only.
                Value::Number(digits, _) => number(&format!("-{digits}"), at),
                _ => Ok(Node::Call("negate".to_string(), vec![self.tree(expr)?])),
            },
            (UnaryOperator::Minus, _) => {
                Ok(Node::Call("negate".to_string(), vec![self.tree(expr)?]))
            }
            (UnaryOperator::Plus, _) => Ok(self.tree(expr)?.node),
            (UnaryOperator::Not, _) => Ok(Node::Not(self.boxed(expr)?)),
            (other, _) => {
                Err(ExprError::new(at, format!("the operator `{other}` is not supported"), ""))
            }
        }
    }

    fn case(
        &mut self,
        operand: Option<&SqlExpr>,
        conditions: &[CaseWhen],
        otherwise: Option<&SqlExpr>,
    ) -> Lowered {
        let operand = operand.map(|o| self.boxed(o)).transpose()?;
        let whens = conditions
            .iter()
            .map(|when| Ok((self.tree(&when.condition)?, self.tree(&when.result)?)))
            .collect::<Result<Vec<_>, ExprError>>()?;
        let otherwise = otherwise.map(|e| self.boxed(e)).transpose()?;
        Ok(Node::Case(operand, whens, otherwise))
    }

    fn cast(&mut self, is_try: bool, expr: &SqlExpr, sql_type: &str, at: usize) -> Lowered {
        let target = target(sql_type, at)?;
        Ok(Node::Cast(is_try, target, self.boxed(expr)?))
    }

    /// `interval '1 month 2 days'`, `interval 3 day`, `interval (n) month`.
    fn interval(&mut self, interval: &Interval, at: usize) -> Lowered {
        let value = self.tree(&interval.value)?;
        match &interval.leading_field {
            None => {
                Ok(Node::Cast(false, types::Target::plain(types::Ty::Interval), Box::new(value)))
            }
            Some(field) => {
                let unit = field_name(field);
                let unit = unit.strip_suffix('s').unwrap_or(&unit).replace("century", "centurie");
                let value = match value.node {
                    Node::Literal(Literal::Text(text)) => number(text.trim(), value.at)?,
                    node => node,
                };
                Ok(Node::Call(format!("to_{unit}s"), vec![Ast { at, node: value }]))
            }
        }
    }

    fn function(&mut self, function: &Function, at: usize) -> Lowered {
        let name = function.name.to_string().to_lowercase();
        refuse_function(&name, at)?;
        let plain = function.over.is_none()
            && function.filter.is_none()
            && function.within_group.is_empty()
            && function.null_treatment.is_none()
            && matches!(function.parameters, FunctionArguments::None);
        let FunctionArguments::List(list) = &function.args else {
            return Err(ExprError::new(at, format!("`{name}` needs brackets"), ""));
        };
        if !plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
            return Err(ExprError::new(
                at,
                format!("`{name}` with OVER, FILTER, DISTINCT or ORDER BY looks at other rows"),
                "an expression sees one row; use features.aggregate",
            ));
        }
        let mut args = Vec::with_capacity(list.args.len());
        for arg in &list.args {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => args.push(self.tree(expr)?),
                other => {
                    let message = format!("`{other}` is not an argument that `{name}` takes");
                    return Err(ExprError::new(at, message, ""));
                }
            }
        }
        Ok(Node::Call(name, args))
    }
}

/// Returns where an expression starts. The parser's own `span` recurses into every operand, which a long
/// chain of `+` makes deep; the way to the first one is a loop.
fn start(expr: &SqlExpr) -> Location {
    let mut expr = expr;
    loop {
        expr = match expr {
            SqlExpr::BinaryOp { left, .. } => left,
            SqlExpr::Nested(inner)
            | SqlExpr::IsNull(inner)
            | SqlExpr::IsNotNull(inner)
            | SqlExpr::IsTrue(inner)
            | SqlExpr::IsNotTrue(inner)
            | SqlExpr::IsFalse(inner)
            | SqlExpr::IsNotFalse(inner)
            | SqlExpr::IsUnknown(inner)
            | SqlExpr::IsNotUnknown(inner)
            | SqlExpr::IsDistinctFrom(inner, _)
            | SqlExpr::IsNotDistinctFrom(inner, _) => inner,
            SqlExpr::UnaryOp { expr, .. }
            | SqlExpr::InList { expr, .. }
            | SqlExpr::Between { expr, .. }
            | SqlExpr::Like { expr, .. }
            | SqlExpr::ILike { expr, .. }
            | SqlExpr::Cast { expr, .. }
            | SqlExpr::Extract { expr, .. }
            | SqlExpr::Ceil { expr, .. }
            | SqlExpr::Floor { expr, .. }
            | SqlExpr::Position { expr, .. }
            | SqlExpr::Substring { expr, .. }
            | SqlExpr::Trim { expr, .. } => expr,
            SqlExpr::Interval(interval) => &interval.value,
            SqlExpr::Function(function) => return function.name.span().start,
            SqlExpr::Case { case_token, .. } => return case_token.0.span.start,
            other => return other.span().start,
        }
    }
}

fn field_name(field: &DateTimeField) -> String {
    field.to_string().trim_matches('\'').to_lowercase()
}

fn is_comparison(expr: &SqlExpr) -> bool {
    use BinaryOperator as Op;
    let SqlExpr::BinaryOp { op, .. } = expr else { return false };
    matches!(op, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq)
}
