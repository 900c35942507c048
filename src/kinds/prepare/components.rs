//! The features of a preparation reduced to principal components: learnt in passes over chunks, and applied row by row. It
//! does not know how a column becomes features.

use super::{Preparation, Taught, settings::PcaSettings, values::write_row};
use crate::{
    frame::{Rows, Table},
    ml::{
        Matrix,
        error::MlError,
        pca::{self, Keep, Pca},
    },
    stage::{error::StageError, work::Work},
};

impl Preparation {
    /// Learns the principal components of the features; returns what to tell of it.
    pub(super) fn learn_components(
        &mut self,
        taught: &Taught<'_>,
        settings: &PcaSettings,
        work: &Work,
    ) -> Result<String, StageError> {
        let keep = match (settings.components, settings.variance) {
            (Some(n), _) => Keep::Components(n),
            (None, Some(share)) => Keep::Variance(share),
            (None, None) => Keep::All,
        };
        let n_features = self.n_features();
        let fitted = match taught {
            Taught::Some(table, rows) => {
                let mut features = self.features_of(table, work)?;
                if !rows.iter().copied().eq(0..table.n_rows()) {
                    features = features.select_rows(rows);
                }
                Pca::fit(&features, keep, settings.whiten, work)
            }
            Taught::All(rows, _) => {
                let chunks = Chunks { rows, preparation: self, work };
                Pca::fit_chunks(&chunks, rows.n_rows(), n_features, keep, settings.whiten, work)?
            }
        };
        let pca = fitted.map_err(|error| match error {
            MlError::NotFinite { row, column } => StageError::Data(format!(
                "principal components need a value everywhere, and `{}` has none in row {}; set `impute`",
                self.features().get(column).map_or("", |f| f.name.as_str()),
                taught.rows().and_then(|rows| rows.get(row).copied()).unwrap_or(row),
            )),
            MlError::Cancelled(_) => StageError::Cancelled,
            other => StageError::Data(format!("reduce.pca: {other}")),
        })?;
        let note = format!(
            "{} principal components hold {:.1} % of the variance of {n_features} features",
            pca.components.len(),
            100.0 * pca.variance_ratio.iter().sum::<f64>(),
        );
        self.pca = Some(pca);
        Ok(note)
    }

    /// Returns the components of every row, shape `(n_rows, n_components)`. All features take several times the memory of
    /// their components, so only those of a row at a time are there.
    pub(super) fn components(
        &self,
        pca: &Pca,
        table: &Table,
        work: &Work,
    ) -> Result<Matrix, StageError> {
        let columns = self.values_of(table, work)?;
        let projection = pca.projection(self.n_features())?;
        let (n_features, n_components) = (self.n_features(), pca.components.len());
        let mut matrix = Matrix::zeros(table.n_rows(), n_components);
        work.pool.fill_chunks(matrix.data_mut(), n_components, |rows, slice| {
            let mut features = vec![0.0; n_features];
            for (row, components) in rows.zip(slice.chunks_exact_mut(n_components.max(1))) {
                features.fill(0.0);
                write_row(&columns, row, &mut features);
                projection.write(&mut features, components);
            }
        });
        work.check()?;
        Ok(matrix)
    }
}

/// The features of a table, before any reduction, chunk by chunk.
struct Chunks<'a> {
    rows: &'a Rows,
    preparation: &'a Preparation,
    work: &'a Work,
}

impl pca::Chunks for Chunks<'_> {
    type Error = StageError;

    fn fold(
        &self,
        f: &pca::OfRows<'_>,
        take: &mut dyn FnMut(Vec<f64>),
    ) -> Result<Result<(), MlError>, StageError> {
        let mut failed = None;
        let features = |chunk: Table| -> Result<_, StageError> {
            let features = self.preparation.features_of(&chunk, self.work)?;
            Ok(f(chunk.first_row(), features.data()))
        };
        let columns = self.preparation.columns_in(self.rows);
        self.rows.fold(Some(&columns), &self.work.pool, features, |part| {
            match part {
                Ok(part) if failed.is_none() => take(part),
                Ok(_) => {}
                Err(error) => _ = failed.get_or_insert(error),
            }
            Ok(())
        })?;
        Ok(failed.map_or(Ok(()), Err))
    }
}
