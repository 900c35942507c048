//! An expression as it was written, before anything is known of the table.
//! It does not know column types.

use crate::frame::expr::types::Target;

/// A piece of an expression and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Ast {
    /// Characters before it.
    pub at: usize,
    /// What it is.
    pub node: Node,
}

/// What a piece of an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A column by its name.
    Column(String),
    /// A constant.
    Literal(Literal),
    /// A function or an arithmetic operator by its name.
    Call(String, Vec<Ast>),
    /// `=`, `<` and so on.
    Compare(Cmp, Box<Ast>, Box<Ast>),
    /// `IS DISTINCT FROM`.
    Distinct(Box<Ast>, Box<Ast>),
    /// `AND`.
    And(Box<Ast>, Box<Ast>),
    /// `OR`.
    Or(Box<Ast>, Box<Ast>),
    /// `NOT`.
    Not(Box<Ast>),
    /// `IS NULL`.
    IsNull(Box<Ast>),
    /// `IS TRUE` or `IS FALSE`.
    Is(bool, Box<Ast>),
    /// `CASE`: operand, `WHEN ... THEN ...` pairs, `ELSE`.
    Case(Option<Box<Ast>>, Vec<(Ast, Ast)>, Option<Box<Ast>>),
    /// `IN (...)`.
    In(Box<Ast>, Vec<Ast>),
    /// `BETWEEN low AND high`.
    Between(Box<Ast>, Box<Ast>, Box<Ast>),
    /// `CAST`; true for `TRY_CAST`.
    Cast(bool, Target, Box<Ast>),
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// `'text'`.
    Text(String),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cmp {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Ast {
    /// Calls `f` with the name of every column, as written, in the order of appearance.
    pub fn each_column(&self, f: &mut impl FnMut(&str)) {
        if let Node::Column(name) = &self.node {
            f(name);
        }
        self.children().into_iter().for_each(|child| child.each_column(f));
    }

    /// Returns the pieces that this one is made of, from left to right.
    pub fn children(&self) -> Vec<&Ast> {
        match &self.node {
            Node::Column(_) | Node::Literal(_) => vec![],
            Node::Call(_, args) => args.iter().collect(),
            Node::Compare(_, a, b) | Node::Distinct(a, b) | Node::And(a, b) | Node::Or(a, b) => {
                vec![a, b]
            }
            Node::Not(a) | Node::IsNull(a) | Node::Is(_, a) | Node::Cast(_, _, a) => vec![a],
            Node::Case(operand, whens, otherwise) => {
                let whens = whens.iter().flat_map(|(when, then)| [when, then]);
                operand.as_deref().into_iter().chain(whens).chain(otherwise.as_deref()).collect()
            }
            Node::In(value, list) => std::iter::once(&**value).chain(list).collect(),
            Node::Between(a, low, high) => vec![a, low, high],
        }
    }
}
