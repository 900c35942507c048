//! The parameters that all classifiers share. It does not know what any algorithm adds.

use arrow::datatypes::{DataType, SchemaRef};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    base::names,
    frame::table::type_word,
    kinds::{
        classify_common::judge,
        prepare::{self, CategoricalSettings, NumericSettings, Settings},
    },
    ml::classify::calibration::Method,
    stage::{
        error::StageError,
        kind::{Checked, Given, Problem},
        params::{Param, Shape},
    },
};

/// `target`.
pub const TARGET: Param = Param::optional(
    "target",
    Shape::Text,
    "instead of `labels`: the column (text, integer or boolean) that holds the class; never a feature; rows \
     without a value are left out",
);

/// `sample`.
pub const SAMPLE: Param = Param::optional(
    "sample",
    Shape::int_from(2),
    "learn from and judge by only so many rows, drawn at random; all rows if not given. Then a table of any length \
     needs no more memory than these",
);

/// `test_share`.
pub const TEST_SHARE: Param = Param::with_default(
    "test_share",
    Shape::Float { min: 0.001, max: 0.999 },
    "0.25",
    "share of rows held out to judge by, classes in proportion; every class keeps a row to train on",
);

/// `folds`.
pub const FOLDS: Param = Param::optional(
    "folds",
    Shape::int_from(2),
    "add cross-validated metrics over this many stratified folds of all rows (mean and population deviation)",
);

const METHODS: &[&str] = &["sigmoid", "isotonic"];

/// `calibrate`.
pub const CALIBRATE: Param = Param::optional(
    "calibrate",
    Shape::Choice(METHODS),
    "correct the probabilities by how often they came true, with models of 5 folds of the training rows asked \
     about the rows that they were not trained on: sigmoid (few rows) or isotonic (a thousand and more)",
);

/// `n_repeats`.
pub const N_REPEATS: Param = Param::with_default(
    "n_repeats",
    Shape::Int { min: 0, max: 1000 },
    "5",
    "shuffles of each column for the permutation importance (on the first 10,000 test rows); 0 leaves it out",
);

/// `seed`.
pub const SEED: Param = Param::with_default(
    "seed",
    Shape::int_from(0),
    "0",
    "random numbers of split, folds, shuffles and the algorithm",
);

/// The common parameters, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// The column that holds the class; `None`: labels are connected.
    pub target: Option<String>,
    /// Rows to learn from and judge by; all if absent.
    pub sample: Option<usize>,
    /// Share of rows held out.
    pub test_share: f64,
    /// Folds of the cross-validation.
    pub folds: Option<usize>,
    calibrate: Option<String>,
    /// Shuffles of each column.
    pub n_repeats: usize,
    /// Seed.
    pub seed: u64,
    columns: Option<Vec<String>>,
    drop: Vec<String>,
    numeric: Option<NumericSettings>,
    categorical: Option<CategoricalSettings>,
}

const COMMON: [&str; 11] = [
    "target",
    "sample",
    "test_share",
    "folds",
    "calibrate",
    "n_repeats",
    "seed",
    "columns",
    "drop",
    "numeric",
    "categorical",
];

impl Common {
    /// Takes canonical parameters apart: the common ones, and those of the algorithm.
    ///
    /// # Errors
    /// [`StageError::Internal`] if they are not the kind's own.
    pub fn split<P: DeserializeOwned>(params: &Value) -> Result<(Common, P), StageError> {
        let own = params.as_object().cloned().unwrap_or_default();
        let (common, rest): (Map<_, _>, Map<_, _>) =
            own.into_iter().partition(|(name, _)| COMMON.contains(&name.as_str()));
        Ok((read(common)?, read(rest)?))
    }

    /// Returns how probabilities are corrected, if they are.
    pub fn calibrate(&self) -> Option<Method> {
        self.calibrate.as_deref().map(|name| match name {
            "isotonic" => Method::Isotonic,
            _ => Method::Sigmoid,
        })
    }

    /// Returns how columns become features, with the kind's defaults where neither group is written.
    /// The target is never among them.
    ///
    /// # Errors
    /// [`StageError::Internal`] if the kind's defaults do not make settings.
    pub fn settings(
        &self,
        numeric: &'static [Param],
        categorical: &'static [Param],
    ) -> Result<Settings, StageError> {
        let mut settings = Settings {
            columns: self.columns.clone(),
            drop: self.drop.clone(),
            numeric: self.numeric.clone(),
            categorical: self.categorical.clone(),
            reduce: None,
        };
        if let Some(target) = &self.target {
            settings.columns.iter_mut().for_each(|columns| columns.retain(|name| name != target));
            if !settings.drop.contains(target) {
                settings.drop.push(target.clone());
            }
        }
        settings.or_both(numeric, categorical)
    }
}

fn read<P: DeserializeOwned>(params: Map<String, Value>) -> Result<P, StageError> {
    serde_json::from_value(Value::Object(params))
        .map_err(|error| StageError::Internal(format!("parameters: {error}")))
}

/// Checks what all classifiers need: exactly one of `labels` and `target`, columns that exist.
pub fn check<P: DeserializeOwned>(
    given: &Given,
    numeric: &'static [Param],
    categorical: &'static [Param],
) -> Checked {
    let mut checked = Checked::default();
    // Parameters that do not read were reported already, by their shapes.
    let Ok((common, _)) = Common::split::<P>(&given.params) else { return checked };
    match (&common.target, given.inputs.contains_key("labels")) {
        (Some(_), true) => checked.problems.push(Problem::new(
            &["target"],
            "both `target` and the input `labels` say what the classes are",
            "keep one of them",
        )),
        (None, false) => checked.problems.push(Problem::new(
            &[],
            "nothing says what the classes are",
            "connect `labels` under `inputs`, or name a column with `target`",
        )),
        _ => {}
    }
    checked.schemas = judge::schemas(common.target.is_some());
    let schema = given.schema("table");
    if let (Some(target), Some(schema)) = (&common.target, schema) {
        checked.problems.extend(target_problem(target, schema));
        if checked.problems.iter().any(|p| p.path == ["target"]) {
            return checked;
        }
    }
    if let Ok(settings) = common.settings(numeric, categorical) {
        checked.problems.extend(prepare::check(&settings, schema));
        if let (Some(schema), true) = (schema, checked.problems.is_empty()) {
            checked.notes.extend(prepare::notes(&settings, schema));
        }
    }
    checked
}

fn target_problem(target: &str, schema: &SchemaRef) -> Option<Problem> {
    let Ok(field) = schema.field_with_name(target) else {
        let known = schema.fields().iter().map(|f| f.name().as_str());
        let help = names::suggestion(target, known);
        return Some(Problem::new(&["target"], format!("there is no column `{target}`"), help));
    };
    (!can_be_target(field.data_type())).then(|| {
        let found = type_word(field.data_type());
        Problem::new(
            &["target"],
            format!("column `{target}` is {found}, expected text, integer or boolean"),
            "cut it into classes with CASE in a features.derive stage",
        )
    })
}

/// Returns true for the types whose values can be classes.
pub fn can_be_target(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::Int64 | DataType::Int32 | DataType::Boolean)
}

/// Returns the columns that a classifier with these parameters may read from an input.
pub fn columns_read<P: DeserializeOwned>(
    params: &Value,
    port: &str,
    available: &[String],
    numeric: &'static [Param],
    categorical: &'static [Param],
) -> Vec<String> {
    let settings = Common::split::<P>(params)
        .and_then(|(common, _)| Ok((common.settings(numeric, categorical)?, common.target)));
    match settings {
        Ok((settings, target)) if port == "table" => {
            let mut read = prepare::columns_read(&settings, available);
            read.extend(target.filter(|name| available.contains(name)));
            read
        }
        _ => available.to_vec(),
    }
}
