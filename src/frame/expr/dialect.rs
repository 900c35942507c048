//! How the SQL parser is set up, and how its complaints become ours.
//! It does not know what becomes of what it parses.

use std::any::TypeId;

use sqlparser::{
    ast::{Expr as SqlExpr, UnaryOperator},
    dialect::{Dialect, DuckDbDialect, Precedence},
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace},
};

use crate::frame::expr::ExprError;

/// Longest expression, in tokens: trees are walked by recursion, and a long chain of `+` is a deep tree.
const MAX_TOKENS: usize = 2000;

/// DuckDB's expressions. The parser's own dialect of that name was not used: it reads `f(a = b)` as a named
/// argument, and binds `||` and `^` otherwise than DuckDB.
#[derive(Debug)]
struct Sql;

impl Dialect for Sql {
    fn dialect(&self) -> TypeId {
        TypeId::of::<DuckDbDialect>()
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch.is_ascii_digit() || ch == '$' || ch == '_'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    fn supports_notnull_operator(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    /// A sign binds more tightly than `^`, as in DuckDB: `-2 ^ 2` is 4.
    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<SqlExpr, ParserError>> {
        let op = match parser.peek_token_ref().token {
            Token::Minus => UnaryOperator::Minus,
            Token::Plus => UnaryOperator::Plus,
            _ => return None,
        };
        parser.next_token();
        let operand = parser.parse_subexpr(self.prec_value(Precedence::MulDivModOp) + 5);
        Some(operand.map(|expr| SqlExpr::UnaryOp { op, expr: Box::new(expr) }))
    }

    /// The parser takes everything behind DISTINCT FROM as its operand, AND and OR too; SQL does not.
    fn parse_infix(
        &self,
        parser: &mut Parser,
        expr: &SqlExpr,
        _precedence: u8,
    ) -> Option<Result<SqlExpr, ParserError>> {
        let is_negated = if parser.parse_keywords(&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM])
        {
            false
        } else if parser.parse_keywords(&[
            Keyword::IS,
            Keyword::NOT,
            Keyword::DISTINCT,
            Keyword::FROM,
        ]) {
            true
        } else {
            return None;
        };
        let other = parser.parse_subexpr(self.prec_value(Precedence::Is));
        let left = Box::new(expr.clone());
        Some(other.map(|right| match is_negated {
            true => SqlExpr::IsNotDistinctFrom(left, Box::new(right)),
            false => SqlExpr::IsDistinctFrom(left, Box::new(right)),
        }))
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        match parser.peek_token_ref().token {
            Token::StringConcat => Some(Ok(self.prec_value(Precedence::Pipe))),
            Token::Caret => Some(Ok(self.prec_value(Precedence::MulDivModOp) + 5)),
            _ => None,
        }
    }
}

/// The text of an expression, for turning the parser's places into offsets.
pub(super) struct Source<'a> {
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Source<'a> {
        Source { text }
    }

    /// Returns how many characters stand before a place.
    pub(super) fn offset(&self, place: Location) -> usize {
        let line = place.line.saturating_sub(1) as usize;
        let before: usize = self.text.split('\n').take(line).map(|l| l.chars().count() + 1).sum();
        let length = self.text.chars().count();
        (before + place.column.saturating_sub(1) as usize).min(length)
    }

    /// Parses the whole text as one expression.
    pub(super) fn parse(&self) -> Result<SqlExpr, ExprError> {
        let dialect = Sql;
        let tokens = Tokenizer::new(&dialect, self.text).tokenize_with_location();
        let tokens = tokens.map_err(|error| self.complaint(&error.to_string()))?;
        let solid = |t: &&TokenWithSpan| !matches!(t.token, Token::Whitespace(_));
        if tokens.iter().filter(solid).count() > MAX_TOKENS {
            let help = "split it into several columns";
            return Err(ExprError::new(0, "the expression is too long", help));
        }
        if tokens.iter().all(|t| !solid(&t)) {
            return Err(ExprError::new(0, "the expression is empty", ""));
        }
        self.refuse_comments(&tokens)?;
        let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
        let expression = parser.parse_expr().map_err(|error| match error {
            ParserError::RecursionLimitExceeded => ExprError::new(
                0,
                "the expression is nested too deeply",
                "split it into several columns",
            ),
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => {
                self.complaint(&text)
            }
        })?;
        let next = parser.peek_token();
        if next.token != Token::EOF {
            let message = format!("unexpected `{}` after the end of the expression", next.token);
            let help = "a column's name with spaces goes in double quotes, a text in single quotes";
            return Err(ExprError::new(self.offset(next.span.start), message, help));
        }
        Ok(expression)
    }

    /// `--` starts a comment in SQL, so `a --1` would silently be `a`.
    fn refuse_comments(&self, tokens: &[TokenWithSpan]) -> Result<(), ExprError> {
        let is_comment = |t: &&TokenWithSpan| {
            matches!(t.token, Token::Whitespace(Whitespace::SingleLineComment { .. }))
        };
        match tokens.iter().find(is_comment) {
            None => Ok(()),
            Some(token) => Err(ExprError::new(
                self.offset(token.span.start),
                "`--` starts a comment",
                "write a space between two minus signs, or use a YAML comment",
            )),
        }
    }

    /// Turns `Expected: x, found: y at Line: 1, Column: 8` into a located error.
    fn complaint(&self, text: &str) -> ExprError {
        let text = text.strip_prefix("sql parser error: ").unwrap_or(text);
        let (message, at) = match text.rsplit_once(" at Line: ") {
            Some((message, place)) => {
                let mut numbers = place
                    .split(", Column: ")
                    .map(|n| n.chars().take_while(char::is_ascii_digit).collect::<String>())
                    .map(|n| n.parse::<u64>().unwrap_or(1));
                let line = numbers.next().unwrap_or(1);
                let column = numbers.next().unwrap_or(1);
                (message, self.offset(Location { line, column }))
            }
            None if text.ends_with("EOF") => (text, self.text.trim_end().chars().count()),
            None => (text, 0),
        };
        let message = message.replace("Expected: ", "expected ").replace("found: ", "found ");
        let message = message.replace("found EOF", "found the end of the expression");
        let mut first = message.chars();
        let message: String =
            first.next().map(|c| c.to_lowercase().chain(first).collect()).unwrap_or_default();
        ExprError::new(at, message, "")
    }
}
