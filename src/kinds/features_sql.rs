//! `features.sql`: any SQL over several tables, which needs a build with DataFusion. This build has none and
//! says so before anything runs. It does not know SQL.

use serde_json::Value;

use crate::stage::{
    ctx::StageCtx,
    error::StageError,
    kind::{Checked, FixedOutput, Given, Inputs, Kind, PortType, Problem},
    params::{Param, Shape},
};

/// The kind.
pub struct FeaturesSql;

const MISSING: &str = "`features.sql` needs a build with `--features sql`, which this is not";
const HELP: &str = "features.derive computes columns row by row, features.aggregate groups, features.join \
                    joins; or build with `cargo build --release --features sql`";

static PARAMS: &[Param] = &[Param::required(
    "query",
    Shape::Text,
    "an SQL query over the inputs, which are tables by name",
)];

impl Kind for FeaturesSql {
    fn name(&self) -> &'static str {
        "features.sql"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> &'static str {
        "Make a table of others with any SQL (only in a build with `--features sql`)"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Named(PortType::Table)
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        &[FixedOutput { name: "table", ty: PortType::Table, help: "what the query returns" }]
    }

    fn check(&self, _given: &Given) -> Checked {
        Checked { problems: vec![Problem::new(&[], MISSING, HELP)], ..Checked::default() }
    }

    fn columns_read(
        &self,
        _params: &Value,
        _port: &str,
        available: &[String],
        _wanted: &[String],
    ) -> Vec<String> {
        available.to_vec()
    }

    fn run(&self, _ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        Err(StageError::Data(format!("{MISSING}; {HELP}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_needs() {
        let problems = FeaturesSql.check(&Given::default()).problems;
        assert!(problems[0].message.contains("--features sql"));
    }
}
