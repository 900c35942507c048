//! The sums of the roots of all trees of a round: they are of the same rows, so that a row's codes are read once for two
//! trees, and the gradients of both are added at once. It does not know how a tree grows.

use super::histogram::{Histograms, Pair, Small};
use crate::{
    ml::{classify::bins::Code, simd},
    stage::work::Work,
};

/// The sums of two trees side by side.
type Twice = [i64; 4];

/// Sums the gradients of all rows, one list a tree, as [`Histograms::sum`] does for each; `None` for wide codes.
pub(super) fn sums<C: Code>(
    histograms: &Histograms<'_, C>,
    gradients: &[Vec<Small>],
    work: &Work,
) -> Option<Vec<Vec<Pair>>> {
    let (quads, pairs) = (histograms.quads(), gradients.len().div_ceil(2));
    if quads.is_empty() {
        return None;
    }
    let tables = work.pool.map(quads.len() * pairs, |i| {
        let first = i / quads.len() * 2;
        // The last of an odd number has itself for company.
        let second = (first + 1).min(gradients.len() - 1);
        add_twice(&quads[i % quads.len()], &gradients[first], &gradients[second])
    });
    let of_tree = |tree: usize| {
        let mut sums = histograms.zeros();
        let own = &tables[tree / 2 * quads.len()..][..quads.len()];
        for (i, part) in histograms.parts(&mut sums).into_iter().enumerate() {
            histograms.put(i, part, |column, code| {
                let [g, h, other_g, other_h] = own[i][column][code];
                if tree.is_multiple_of(2) { [g, h] } else { [other_g, other_h] }
            });
        }
        sums
    };
    Some((0..gradients.len()).map(of_tree).collect())
}

fn add_twice(codes: &[[u8; 4]], first: &[Small], second: &[Small]) -> Box<[[Twice; u8::LIMIT]; 4]> {
    let mut tables = Box::new([[[0; 4]; u8::LIMIT]; 4]);
    let [a, b, c, d] = &mut *tables;
    simd::run(
        #[inline(always)]
        || {
            for ((codes, &[g, h]), &[other_g, other_h]) in codes.iter().zip(first).zip(second) {
                let twice = [g, h, other_g, other_h].map(i64::from);
                let [i, j, k, l] = codes.map(usize::from);
                a[i] = plus(a[i], twice);
                b[j] = plus(b[j], twice);
                c[k] = plus(c[k], twice);
                d[l] = plus(d[l], twice);
            }
        },
    );
    tables
}

#[inline(always)]
fn plus(a: Twice, b: Twice) -> Twice {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::{
        Matrix,
        classify::{bins::Bins, boost::columns::Columns},
        rng::Rng,
    };

    #[test]
    fn roots_are_summed_as_one_by_one() {
        let mut rng = Rng::new(4);
        let x = Matrix::new(300, 6, (0..1800).map(|_| rng.normal().round()).collect());
        let rows: Vec<u32> = (0..300).collect();
        let work = Work::alone(2);
        let bins = Bins::<u8>::new(&x, 256, |v| v, &work).unwrap();
        let columns = Columns::new(&bins);
        let histograms = Histograms::new(&columns, &[0, 1, 2, 3, 4, 5]);
        for n_trees in 1..6 {
            let gradient = |rng: &mut Rng| [rng.below(900) as i32 - 450, rng.below(900) as i32];
            let of_tree = |_| (0..300).map(|_| gradient(&mut rng)).collect();
            let gradients: Vec<Vec<Small>> = (0..n_trees).map(of_tree).collect();
            let found = sums(&histograms, &gradients, &work).unwrap();
            let alone = |own| histograms.sum(&rows, own, &mut Vec::new(), &work);
            let expected: Vec<_> = gradients.iter().map(|own| alone(own)).collect();
            assert_eq!(found, expected);
        }
    }
}
