//! The functions and operators of expressions: one table of names and overloads, one file a family.
//! It does not know which function was called where: the binder picks an overload by its types.

pub mod date;
pub mod date_format;
pub mod math;
pub mod pattern;
pub mod text;

use crate::{
    base::names,
    frame::expr::{
        column::{Evaluated, Operand},
        types::Ty,
    },
};

/// A function or operator.
pub struct Function {
    /// Its names; messages use the first.
    pub names: &'static [&'static str],
    /// What it takes and gives, the preferred first.
    pub overloads: &'static [Overload],
}

/// One way to call a function.
pub struct Overload {
    /// The types of its arguments.
    pub takes: &'static [Ty],
    /// Whether the last argument may be repeated.
    pub repeats: bool,
    /// The type of its result.
    pub gives: Ty,
    /// Computes it for `n` rows; arguments have exactly the types of `takes`.
    pub eval: fn(&[Operand<'_>], usize) -> Evaluated,
}

/// Names that the binder resolves itself, because their result's type depends on their arguments: for
/// suggestions, with the number of arguments they take.
pub const BOUND: &[(&str, usize, usize)] = &[
    ("coalesce", 1, usize::MAX),
    ("ifnull", 2, 2),
    ("nullif", 2, 2),
    ("if", 3, 3),
    ("least", 1, usize::MAX),
    ("greatest", 1, usize::MAX),
    ("date_part", 2, 2),
    ("datepart", 2, 2),
];

impl Function {
    /// Returns the function called `name`.
    pub fn find(name: &str) -> Option<&'static Function> {
        all().find(|function| function.names.contains(&name))
    }

    /// Returns what the function takes, for messages: `round(float) or round(float, integer)`.
    pub fn usage(&self) -> String {
        let name = self.names[0];
        let one = |overload: &Overload| {
            let types: Vec<_> = overload.takes.iter().map(|ty| ty.word()).collect();
            let more = if overload.repeats { ", ..." } else { "" };
            format!("{name}({}{more})", types.join(", "))
        };
        self.overloads.iter().map(one).collect::<Vec<_>>().join(" or ")
    }
}

impl Overload {
    /// Returns the type of argument `i` of `n`, if this overload takes as many.
    pub fn takes(&self, i: usize, n: usize) -> Option<Ty> {
        let fits = if self.repeats { n >= self.takes.len() } else { n == self.takes.len() };
        fits.then(|| self.takes.get(i).or(self.takes.last()).copied()).flatten()
    }
}

/// Returns every function of every family.
pub fn all() -> impl Iterator<Item = &'static Function> {
    [math::FUNCTIONS, text::FUNCTIONS, pattern::FUNCTIONS, date::FUNCTIONS, date_format::FUNCTIONS]
        .into_iter()
        .flatten()
}

/// Returns the first name of the function that an overload is one of.
pub fn name_of(overload: &'static Overload) -> Option<&'static str> {
    let has = |f: &&Function| f.overloads.iter().any(|known| std::ptr::eq(known, overload));
    all().find(has).map(|f| f.names[0])
}

/// Returns `did you mean ...` for a function that does not exist.
pub fn suggestion(wrong: &str) -> String {
    let known = all().flat_map(|f| f.names.iter().copied());
    let bound = BOUND.iter().map(|(name, ..)| *name);
    names::suggestion(wrong, known.chain(bound).filter(|name| name.len() > 1))
}

/// Describes an overload with a fixed number of arguments.
pub(super) const fn takes(
    takes: &'static [Ty],
    gives: Ty,
    eval: fn(&[Operand<'_>], usize) -> Evaluated,
) -> Overload {
    Overload { takes, repeats: false, gives, eval }
}

/// Describes an overload whose last argument may be repeated.
pub(super) const fn repeats(
    takes: &'static [Ty],
    gives: Ty,
    eval: fn(&[Operand<'_>], usize) -> Evaluated,
) -> Overload {
    Overload { takes, repeats: true, gives, eval }
}
