//! A preparation as a table and back. The table is for people: a row a feature (a row a level where levels
//! are encoded), with the fitted numbers and the loadings of principal components. What is read back is
//! the exact preparation, kept as JSON in the schema's metadata. It does not know files.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};

use crate::{
    frame::{
        Table,
        table::{opt_text_array, text_array},
    },
    kinds::prepare::{
        Column, FORMAT, Preparation,
        categorical::{CategoricalColumn, MISSING, OTHER},
        numeric::{NumericColumn, Power},
        settings::Encode,
    },
    stage::error::StageError,
};

/// The schema metadata key under which the preparation's JSON travels.
pub const KEY: &str = "orchestrate.preparation";

/// One row of the table.
#[derive(Clone, Debug, Default)]
struct Row {
    feature: String,
    column: String,
    role: &'static str,
    level: Option<String>,
    count: Option<i64>,
    missing: Option<i64>,
    fill: Option<String>,
    clip: Option<(f64, f64)>,
    power: Option<&'static str>,
    lambda: Option<f64>,
    center: Option<f64>,
    scale: Option<f64>,
    code: Option<f64>,
    mean: Option<f64>,
    variance: Option<f64>,
    variance_ratio: Option<f64>,
    /// Which feature's loadings the row shows.
    loadings: Option<usize>,
}

impl Preparation {
    /// Returns the preparation as a table.
    ///
    /// # Errors
    /// If Arrow refuses it.
    pub fn to_table(&self) -> Result<Table, StageError> {
        let rows = self.rows();
        let text = |f: fn(&Row) -> Option<String>| opt_text_array(rows.iter().map(f));
        let float = |f: &dyn Fn(&Row) -> Option<f64>| -> ArrayRef {
            Arc::new(Float64Array::from_iter(rows.iter().map(f)))
        };
        let int = |f: fn(&Row) -> Option<i64>| -> ArrayRef {
            Arc::new(Int64Array::from_iter(rows.iter().map(f)))
        };
        let mut columns: Vec<(String, ArrayRef)> = vec![
            ("feature".to_string(), text_array(rows.iter().map(|r| &r.feature))),
            ("column".to_string(), text_array(rows.iter().map(|r| &r.column))),
            ("role".to_string(), text_array(rows.iter().map(|r| r.role))),
            ("level".to_string(), text(|r| r.level.clone())),
            ("count".to_string(), int(|r| r.count)),
            ("missing".to_string(), int(|r| r.missing)),
            ("fill".to_string(), text(|r| r.fill.clone())),
            ("clip_low".to_string(), float(&|r| r.clip.map(|c| c.0))),
            ("clip_high".to_string(), float(&|r| r.clip.map(|c| c.1))),
            ("power".to_string(), text(|r| r.power.map(str::to_string))),
            ("lambda".to_string(), float(&|r| r.lambda)),
            ("center".to_string(), float(&|r| r.center)),
            ("scale".to_string(), float(&|r| r.scale)),
            ("code".to_string(), float(&|r| r.code)),
        ];
        if let Some(pca) = &self.pca {
            columns.push(("mean".to_string(), float(&|r| r.mean)));
            columns.push(("variance".to_string(), float(&|r| r.variance)));
            columns.push(("variance_ratio".to_string(), float(&|r| r.variance_ratio)));
            for (i, component) in pca.components.iter().enumerate() {
                let loading = |r: &Row| r.loadings.and_then(|j| component.get(j).copied());
                columns.push((format!("pc{}", i + 1), float(&loading)));
            }
        }
        let named = columns.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
        let json = serde_json::to_string(self)
            .map_err(|error| StageError::Internal(format!("a preparation: {error}")))?;
        let metadata = [(KEY.to_string(), json)].into_iter().collect();
        Ok(Table::new(None, named)?.with_metadata(metadata)?)
    }

    /// Reads a preparation back from its table.
    ///
    /// # Errors
    /// If the table is not one, or was written by a newer version.
    pub fn from_table(table: &Table) -> Result<Preparation, StageError> {
        let schema = table.schema();
        let json = schema.metadata().get(KEY).ok_or_else(|| {
            StageError::Data("it is not a fitted transform (it lacks the metadata)".to_string())
        })?;
        let preparation: Preparation = serde_json::from_str(json).map_err(|error| {
            StageError::Data(format!("it is not a fitted transform of this version: {error}"))
        })?;
        match preparation.format {
            FORMAT => Ok(preparation),
            other => Err(StageError::Data(format!(
                "it is a fitted transform of format {other}, not {FORMAT}"
            ))),
        }
    }

    fn rows(&self) -> Vec<Row> {
        let mut names = self.features().into_iter().map(|f| f.name).enumerate();
        let mut rows = Vec::new();
        for column in &self.columns {
            let own: Vec<(usize, String)> = names.by_ref().take(column.width()).collect();
            match column {
                Column::Numeric(column) => rows.extend(column.rows(self.n_rows, &own)),
                Column::Categorical(column) => rows.extend(column.rows(&own)),
            }
        }
        let Some(pca) = &self.pca else { return rows };
        for row in &mut rows {
            row.mean = row.loadings.and_then(|j| pca.mean.get(j).copied());
        }
        for (i, (variance, ratio)) in pca.variance.iter().zip(&pca.variance_ratio).enumerate() {
            rows.push(Row {
                feature: format!("pc{}", i + 1),
                role: "component",
                variance: Some(*variance),
                variance_ratio: Some(*ratio),
                ..Row::default()
            });
        }
        rows
    }
}

impl NumericColumn {
    fn rows(&self, n_rows: u64, names: &[(usize, String)]) -> Vec<Row> {
        let row = |(i, (feature, name)): (usize, &(usize, String))| {
            let common =
                Row { feature: name.clone(), column: self.column.clone(), ..Row::default() };
            if i > 0 {
                return Row { role: "indicator", loadings: Some(*feature), ..common };
            }
            Row {
                role: if self.date { "date" } else { "number" },
                count: Some((n_rows - self.missing.min(n_rows)) as i64),
                missing: Some(self.missing as i64),
                fill: self.fill.map(|v| v.to_string()),
                clip: self.clip,
                power: Some(self.power.word()),
                lambda: match self.power {
                    Power::YeoJohnson(lambda) => Some(lambda),
                    _ => None,
                },
                center: Some(self.center),
                scale: Some(self.scale),
                loadings: Some(*feature),
                ..common
            }
        };
        names.iter().enumerate().map(row).collect()
    }
}

impl CategoricalColumn {
    /// One row a level seen, the rare ones under the feature or code that they share.
    fn rows(&self, names: &[(usize, String)]) -> Vec<Row> {
        let codes = self.codes();
        let n_kept = self.levels.iter().filter(|l| !l.rare).count();
        let mut next = 0;
        let row = |level: &super::categorical::Level| {
            let slot = if level.rare { n_kept } else { next };
            next += usize::from(!level.rare);
            let place = if self.encode == Encode::Onehot { slot } else { 0 };
            let (feature, name) = names.get(place).cloned().unwrap_or((0, OTHER.to_string()));
            Row {
                feature: name,
                column: self.column.clone(),
                role: match self.encode {
                    Encode::Onehot => "onehot",
                    Encode::Ordinal => "ordinal",
                    Encode::Frequency => "frequency",
                },
                level: Some(level.level.clone().unwrap_or_else(|| MISSING.to_string())),
                count: Some(level.count as i64),
                missing: Some(self.missing as i64),
                fill: self.fill.clone(),
                code: codes.get(slot).copied(),
                loadings: Some(feature),
                ..Row::default()
            }
        };
        self.levels.iter().map(row).collect()
    }
}

/// Names the port in what is wrong with a model.
pub fn read(table: Result<Table, StageError>, port: &str) -> Result<Preparation, StageError> {
    Preparation::from_table(&table?).map_err(|error| match error {
        StageError::Data(text) => StageError::Data(format!("input `{port}`: {text}")),
        other => other,
    })
}
