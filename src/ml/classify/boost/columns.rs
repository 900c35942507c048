//! What rows are counted by: the codes of each feature, those of features that are never set together in one column. It
//! does not know gradients.
//!
//! A category encoded as one feature a level is one column again, and counted once instead of once a level. (Exclusive
//! feature bundling: Ke et al., "LightGBM", NeurIPS 2017, who let some rows collide; here none does, and sums are exact, so
//! that no bit differs from counting each feature alone.)

use crate::ml::classify::bins::{Bins, Code, Feature};

/// Columns that a feature is tried in, the newest first, before it opens one: a limit for tables of thousands of features.
const TRIED: usize = 64;

/// The columns of a training set.
pub(super) struct Columns<'a, C> {
    bins: &'a Bins<C>,
    /// Those of one feature each, then the shared ones.
    own: Vec<usize>,
    shared: Vec<Shared<C>>,
    places: Vec<Place>,
    /// The codes of four columns side by side, row after row: one read serves four sums. The last ones are filled up with
    /// zeros. Empty for wide codes.
    quads: Vec<Vec<[u8; 4]>>,
}

/// A column of features of two values, of which a row has at most one set.
struct Shared<C> {
    /// 0 for a row in which none is set, else the number of the one that is, from 1.
    codes: Vec<C>,
    n_features: usize,
}

/// Where a feature is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// In a column of its own: a code a bin, then that of missing values.
    Own {
        /// The column.
        column: usize,
    },
    /// In one with others.
    Shared {
        /// The column.
        column: usize,
        /// The code of rows in which it is set.
        code: usize,
        /// The bin, of two, that such a row is in.
        bin: usize,
    },
}

impl<'a, C: Code> Columns<'a, C> {
    /// Finds the columns of binned features.
    pub(super) fn new(bins: &'a Bins<C>) -> Self {
        let mut own = Vec::new();
        let mut shared: Vec<Shared<C>> = Vec::new();
        let mut places = Vec::new();
        for (i, feature) in bins.features.iter().enumerate() {
            let Some((bin, rows)) = rarer(feature) else {
                places.push(Place::Own { column: own.len() });
                own.push(i);
                continue;
            };
            let takes = |s: &Shared<C>| {
                s.n_features + 1 < C::LIMIT && rows.iter().all(|&row| s.codes[row].index() == 0)
            };
            let tried = shared.len().saturating_sub(TRIED);
            let column = match shared[tried..].iter().rposition(takes) {
                Some(at) => tried + at,
                None => {
                    let codes = vec![C::new(0); feature.codes.len()];
                    shared.push(Shared { codes, n_features: 0 });
                    shared.len() - 1
                }
            };
            let Shared { codes, n_features } = &mut shared[column];
            *n_features += 1;
            rows.iter().for_each(|&row| codes[row] = C::new(*n_features));
            places.push(Place::Shared { column, code: *n_features, bin });
        }
        for place in &mut places {
            if let Place::Shared { column, .. } = place {
                *column += own.len();
            }
        }
        let mut columns = Columns { bins, own, shared, places, quads: Vec::new() };
        columns.quads = columns.by_fours();
        columns
    }

    fn by_fours(&self) -> Vec<Vec<[u8; 4]>> {
        if C::LIMIT > u8::LIMIT {
            return Vec::new();
        }
        let quad = |i: usize| -> Vec<[u8; 4]> {
            let four =
                [0, 1, 2, 3].map(|j| (4 * i + j < self.len()).then(|| self.codes(4 * i + j)));
            let code = |codes: Option<&[C]>, row: usize| codes.map_or(0, |c| c[row].index() as u8);
            (0..self.n_rows()).map(|row| four.map(|codes| code(codes, row))).collect()
        };
        (0..self.len().div_ceil(4)).map(quad).collect()
    }

    fn n_rows(&self) -> usize {
        self.bins.features.first().map_or(0, |feature| feature.codes.len())
    }

    /// Returns the number of columns.
    pub(super) fn len(&self) -> usize {
        self.own.len() + self.shared.len()
    }

    /// Returns the code of each row in a column.
    pub(super) fn codes(&self, column: usize) -> &[C] {
        match self.own.get(column) {
            Some(&feature) => &self.bins.features[feature].codes,
            None => &self.shared[column - self.own.len()].codes,
        }
    }

    /// Returns how many codes a column has.
    pub(super) fn n_codes(&self, column: usize) -> usize {
        match self.own.get(column) {
            Some(&feature) => self.bins.features[feature].n_bins() + 1,
            None => self.shared[column - self.own.len()].n_features + 1,
        }
    }

    /// Returns where a feature is counted.
    pub(super) fn place(&self, feature: usize) -> Place {
        self.places[feature]
    }

    /// Returns the codes of all columns, four side by side; nothing for wide codes.
    pub(super) fn quads(&self) -> &[Vec<[u8; 4]>] {
        &self.quads
    }
}

/// Returns the bin of a two-valued feature that fewer rows are in, and these rows; `None` for any other feature.
fn rarer<C: Code>(feature: &Feature<C>) -> Option<(usize, Vec<usize>)> {
    if feature.n_bins() != 2 || feature.codes.iter().any(|code| code.index() > 1) {
        return None;
    }
    let n_second = feature.codes.iter().filter(|code| code.index() == 1).count();
    let bin = usize::from(2 * n_second <= feature.codes.len());
    let is_in = |row: &usize| feature.codes[*row].index() == bin;
    Some((bin, (0..feature.codes.len()).filter(is_in).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ml::Matrix, stage::work::Work};

    #[test]
    fn levels_share_a_column_and_what_meets_does_not() {
        // A number, three levels of one category, one that meets the second, one with a value missing.
        let rows = [
            [0.5, 1.0, 0.0, 0.0, 0.0, 1.0],
            [1.5, 0.0, 1.0, 0.0, 1.0, 0.0],
            [2.5, 0.0, 1.0, 0.0, 0.0, f64::NAN],
            [3.5, 0.0, 0.0, 1.0, 0.0, 0.0],
            [3.5, 0.0, 0.0, 1.0, 0.0, 0.0],
        ];
        let x = Matrix::new(5, 6, rows.concat());
        let bins = Bins::<u8>::new(&x, 16, |v| v, &Work::alone(1)).unwrap();
        let columns = Columns::new(&bins);
        assert_eq!(columns.len(), 4);
        assert_eq!(columns.place(0), Place::Own { column: 0 });
        assert_eq!(columns.place(5), Place::Own { column: 1 });
        for (feature, code) in [(1, 1), (2, 2), (3, 3)] {
            assert_eq!(columns.place(feature), Place::Shared { column: 2, code, bin: 1 });
        }
        assert_eq!(columns.place(4), Place::Shared { column: 3, code: 1, bin: 1 });
        assert_eq!(columns.codes(2), [1, 2, 2, 3, 3]);
        assert_eq!((columns.n_codes(1), columns.n_codes(2)), (3, 4));
        assert_eq!(columns.quads()[0][1], [1, 0, 2, 1]);
    }

    #[test]
    fn a_column_holds_no_more_than_its_codes() {
        let n = 300;
        let mut x = Matrix::zeros(n, n);
        (0..n).for_each(|i| x.row_mut(i)[i] = 1.0);
        let bins = Bins::<u8>::new(&x, 256, |v| v, &Work::alone(1)).unwrap();
        let columns = Columns::new(&bins);
        assert_eq!((columns.len(), columns.n_codes(0), columns.n_codes(1)), (2, 256, 46));
    }
}
