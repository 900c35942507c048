//! The parameters of every kind that prepares a table, so that all of them read alike. It does not know
//! what becomes of them.

use crate::stage::params::{Param, Shape};

/// `columns` of a kind that prepares a table.
pub const COLUMNS: Param = Param::optional(
    "columns",
    Shape::TEXTS,
    "consider these columns only; all when left out (the id is never a feature)",
);

/// `drop` of a kind that prepares a table.
pub const DROP: Param = Param::with_default(
    "drop",
    Shape::TEXTS,
    "[]",
    "columns to leave out before any group chooses",
);

const DATES: &[&str] = &["none", "days"];
const NUMERIC_IMPUTE: &[&str] = &["mean", "median", "most_frequent", "constant", "none"];
const POWER: &[&str] = &["none", "log1p", "yeo-johnson"];
const SCALE: &[&str] = &["none", "standard", "minmax", "robust"];
const CATEGORICAL_IMPUTE: &[&str] = &["most_frequent", "constant", "none"];
const ENCODE: &[&str] = &["onehot", "ordinal", "frequency"];
const COUNT_OR_SHARE: &[Shape] = &[Shape::int_from(1), Shape::SHARE];
const UNKNOWN: &[&str] = &["ignore", "other", "error"];

/// Parameters of the numeric group, with a kind's own defaults for `impute` and `scale` as JSON text.
pub const fn numeric_params(impute: &'static str, scale: &'static str) -> [Param; 8] {
    [
        Param::optional(
            "columns",
            Shape::TEXTS,
            "the columns of this group; integers and floats that no other group names when left out",
        ),
        Param::with_default(
            "dates",
            Shape::Choice(DATES),
            "\"none\"",
            "take dates too, as days since 1970-01-01 (a date named in `columns` is always taken so)",
        ),
        Param::with_default(
            "impute",
            Shape::Choice(NUMERIC_IMPUTE),
            impute,
            "what stands in for a missing value",
        ),
        Param::with_default(
            "fill_value",
            Shape::NUMBER,
            "0",
            "the value that `impute: constant` fills in",
        ),
        Param::with_default(
            "indicator",
            Shape::Bool,
            "false",
            "add a 0/1 feature `column=<missing>` for each column with missing values",
        ),
        Param::optional(
            "clip",
            Shape::Tuple(&[Shape::SHARE, Shape::SHARE]),
            "pull values in to these two quantiles, such as [0.01, 0.99]",
        ),
        Param::with_default(
            "power",
            Shape::Choice(POWER),
            "\"none\"",
            "make skewed values more symmetric (yeo-johnson finds its exponent by maximum likelihood)",
        ),
        Param::with_default(
            "scale",
            Shape::Choice(SCALE),
            scale,
            "standard: mean 0, deviation 1; minmax: 0 to 1; robust: median 0, quartile distance 1",
        ),
    ]
}

/// Parameters of the categorical group, with a kind's own defaults for `impute` and `encode` as JSON text.
pub const fn categorical_params(impute: &'static str, encode: &'static str) -> [Param; 8] {
    [
        Param::optional(
            "columns",
            Shape::TEXTS,
            "the columns of this group, numbers too; texts and booleans when left out",
        ),
        Param::with_default(
            "impute",
            Shape::Choice(CATEGORICAL_IMPUTE),
            impute,
            "what stands in for a missing value; none: missing is a level of its own",
        ),
        Param::with_default(
            "fill_value",
            Shape::Text,
            "\"missing_value\"",
            "the level that `impute: constant` fills in",
        ),
        Param::with_default(
            "encode",
            Shape::Choice(ENCODE),
            encode,
            "onehot: a 0/1 feature a level; ordinal: the level's rank; frequency: the level's share of rows",
        ),
        Param::with_default(
            "categories",
            Shape::Map(&Shape::TEXTS),
            "{}",
            "all levels of a column in order, such as { size: [S, M, L] }; sorted by spelling when left out",
        ),
        Param::optional(
            "min_frequency",
            Shape::OneOf(COUNT_OR_SHARE),
            "levels with fewer rows (whole number) or a smaller share (fraction) become one, `<other>`",
        ),
        Param::with_default(
            "unknown",
            Shape::Choice(UNKNOWN),
            "\"ignore\"",
            "a level not seen when fitting: ignore (onehot 0 everywhere, ordinal -1, frequency 0), take it as \
             `<other>` where there is one, or stop with an error",
        ),
        Param::with_default(
            "max_levels",
            Shape::int_from(1),
            "100",
            "leave out a onehot column with more levels than this (names, ids); an error if `columns` names it",
        ),
    ]
}

/// `numeric`, with the given parameters inside.
pub const fn numeric(inside: &'static [Param]) -> Param {
    Param::optional(
        "numeric",
        Shape::Object(inside),
        "how numbers become features; once one of `numeric` and `categorical` is written, the other takes \
         columns only if it is written too",
    )
}

/// `categorical`, with the given parameters inside.
pub const fn categorical(inside: &'static [Param]) -> Param {
    Param::optional(
        "categorical",
        Shape::Object(inside),
        "how texts and booleans become features; see `numeric` for what leaving it out means",
    )
}

const PCA: &[Param] = &[
    Param::optional(
        "variance",
        Shape::SHARE,
        "keep the fewest components that explain more than this share of the variance",
    ),
    Param::optional("components", Shape::int_from(1), "keep this many components"),
    Param::with_default(
        "whiten",
        Shape::Bool,
        "false",
        "divide each component by its standard deviation",
    ),
];

const REDUCE: &[Param] = &[Param::optional(
    "pca",
    Shape::Object(PCA),
    "principal components, named pc1, pc2, ...; all of them unless `variance` or `components` says how many",
)];

/// `reduce`, which makes fewer features of many.
pub const fn reduce() -> Param {
    Param::optional("reduce", Shape::Object(REDUCE), "make fewer features of many")
}
