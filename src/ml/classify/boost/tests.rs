//! Boosted trees against XGBoost's answers, and on data with nothing to learn.

use super::*;
use crate::ml::{
    classify::tests::{Case, blobs, cases, close},
    simd,
};

fn params(rounds: usize) -> BoostParams {
    BoostParams { rounds, ..BoostParams::default() }
}

#[test]
fn answers_are_xgboosts() {
    for case in cases("boosting") {
        let Case { x, y, .. } = &case;
        let given = |name: &str, default| case.json["params"][name].as_f64().unwrap_or(default);
        let own = BoostParams {
            eta: given("learning_rate", 0.3),
            max_depth: given("max_depth", 6.0) as usize,
            penalty: Penalty {
                lambda: given("reg_lambda", 1.0),
                alpha: given("reg_alpha", 0.0),
                gamma: given("gamma", 0.0),
                min_child_weight: given("min_child_weight", 1.0),
            },
            ..params(8)
        };
        let n_classes = *y.iter().max().unwrap() as usize + 1;
        let work = Work::alone(2);
        let fit = fit(&Samples { x, y, n_classes }, None, &own, &work).unwrap();
        let found = fit.booster.predict(x, &work).unwrap();
        close(found.data(), case.matrix("probabilities").data(), 2e-6, &case.name);
    }
}

/// One row, a few, some and many each take another way through the trees.
#[test]
fn rows_are_answered_alone_as_together() {
    for (n_classes, max_depth) in [(2, 6), (3, 6), (3, 9)] {
        let (x, y) = blobs(400, n_classes);
        let mut odd = x.clone();
        let width = x.n_cols();
        for (i, value) in odd.data_mut().iter_mut().enumerate() {
            match (i * 7919) % 23 {
                0 => *value = f64::NAN,
                1 => *value = -3.4e38,
                2 => *value = 1e-300,
                _ => {}
            }
        }
        let work = Work::alone(1);
        let samples = Samples { x: &odd, y: &y, n_classes };
        let params = BoostParams { max_depth, ..params(12) };
        let booster = fit(&samples, None, &params, &work).unwrap().booster;
        let plain = Booster { ready: Ready::default(), ..booster.clone() };
        let together = booster.predict(&odd, &work).unwrap();
        for step in [1, 5, 50] {
            for (of, ready) in [(&booster, true), (&plain, false)] {
                for start in (0..odd.n_rows()).step_by(step) {
                    let rows: Vec<usize> = (start..(start + step).min(odd.n_rows())).collect();
                    let alone = of.predict(&odd.select_rows(&rows), &work).unwrap();
                    let expected = together.select_rows(&rows);
                    let bits =
                        |m: &Matrix| m.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&alone), bits(&expected), "{step} from {start}, {ready}");
                }
            }
        }
        let mut margins = start(&booster.base, odd.n_rows());
        booster.add(0, odd.data(), width, &mut margins);
        let mut walked = vec![0.0; odd.n_rows() * n_classes];
        booster.probabilities(&margins, &mut walked);
        assert_eq!(walked, together.data());
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let (x, y) = blobs(400, 3);
    let samples = Samples { x: &x, y: &y, n_classes: 3 };
    let own = BoostParams {
        subsample: 0.7,
        colsample_bytree: 0.8,
        colsample_bylevel: 0.8,
        colsample_bynode: 0.8,
        ..params(5)
    };
    let on = |n| {
        let work = Work::alone(n);
        let fit = fit(&samples, None, &own, &work).unwrap();
        (fit.booster.predict(&x, &work).unwrap(), fit)
    };
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(7));
}

#[test]
fn wide_histograms_have_the_same_bits_on_any_number_of_threads() {
    let (x, y) = blobs(WIDE, 2);
    let samples = Samples { x: &x, y: &y, n_classes: 2 };
    let on = |n| fit(&samples, None, &params(2), &Work::alone(n)).unwrap();
    assert_eq!(on(1), on(3));
}
const WIDE: usize = 70_000;

#[test]
fn early_stopping_keeps_the_best_round() {
    let (x, y) = blobs(300, 2);
    let train: Vec<usize> = (0..200).collect();
    let rest: Vec<usize> = (200..300).collect();
    let (train_x, rest_x) = (x.select_rows(&train), x.select_rows(&rest));
    let samples = Samples { x: &train_x, y: &y[..200], n_classes: 2 };
    let validation = Samples { x: &rest_x, y: &y[200..], n_classes: 2 };
    let patient = BoostParams { early_stopping_rounds: Some(5), eta: 1.0, ..params(200) };
    let work = Work::alone(1);
    let stopped = fit(&samples, Some(&validation), &patient, &work).unwrap();
    assert!(stopped.rounds < 200, "{}", stopped.rounds);
    let exact = BoostParams { rounds: stopped.rounds, eta: 1.0, ..params(0) };
    assert_eq!(fit(&samples, None, &exact, &work).unwrap().booster, stopped.booster);
    let loss = |rounds| {
        let own = BoostParams { rounds, eta: 1.0, ..params(0) };
        let booster = fit(&samples, None, &own, &work).unwrap().booster;
        scores::log_loss(&y[200..], &booster.predict(&rest_x, &work).unwrap())
    };
    let best = loss(stopped.rounds);
    assert!((1..stopped.rounds + 5).all(|rounds| loss(rounds) >= best));
}

#[test]
fn rows_that_a_tree_was_not_grown_on_find_their_leaf() {
    let (mut x, y) = blobs(300, 3);
    (0..300).step_by(7).for_each(|row| x.row_mut(row)[1] = f64::NAN);
    let samples = Samples { x: &x, y: &y, n_classes: 3 };
    let work = Work::alone(1);
    let own = BoostParams { subsample: 0.4, max_bin: 20, ..params(1) };
    let bins = Bins::<u8>::new(&x, 20, |v| f64::from(v as f32), &work).unwrap();
    let mut margins = Margins::new(&samples, &[1.0; 3], &[0.0; 3]);
    margins.advance(&[], &work);
    let columns = Columns::new(&bins);
    let (unit, rooms) = (margins.unit(), Spares::default());
    let ground = Ground { bins: &bins, columns: &columns, params: &own, unit, work: &work, rooms };
    let (mut gradients, mut step) = (Vec::new(), vec![0.0; 300]);
    margins.gradients(1, &mut gradients);
    let grown = grow::tree(&ground, &gradients, None, 5, &mut step).unwrap();
    assert!(grown.tree.nodes().len() > 8);
    assert_eq!(grown.told.len(), grown.tree.nodes().len());
    for (row, step) in x.rows().zip(&step) {
        assert_eq!(grown.tree.answer(row, Rule::Below)[0], f64::from(*step));
    }
}

#[test]
fn wide_codes_find_the_same_trees_where_narrow_ones_do() {
    let (x, y) = blobs(200, 3);
    let samples = Samples { x: &x, y: &y, n_classes: 3 };
    let work = Work::alone(1);
    let narrow = fit(&samples, None, &params(3), &work).unwrap();
    let wide = BoostParams { max_bin: 1000, ..params(3) };
    assert_eq!(fit(&samples, None, &wide, &work).unwrap(), narrow);
}

#[test]
fn balanced_classes_weigh_the_same() {
    let (x, _) = blobs(200, 2);
    let y: Vec<u32> = (0..200).map(|row| u32::from(row % 20 == 0)).collect();
    let samples = Samples { x: &x, y: &y, n_classes: 2 };
    let balanced = BoostParams { balanced: true, max_depth: 1, ..params(1) };
    let work = Work::alone(1);
    let fit = fit(&samples, None, &balanced, &work).unwrap();
    assert_eq!(fit.booster.base, [0.0]);
    let p = fit.booster.predict(&x, &work).unwrap();
    let mean = |class: u32| {
        let own: Vec<f64> =
            p.rows().zip(&y).filter(|(_, y)| **y == class).map(|(p, _)| p[1]).collect();
        math::sum(&own) / own.len() as f64
    };
    assert!(mean(1) > 0.5 && mean(0) < 0.5, "{} {}", mean(0), mean(1));
}

#[test]
fn single_precision_has_limits_that_are_told() {
    let work = Work::alone(1);
    let x = Matrix::new(2, 2, vec![1.0, 2.0, 3.0, 1e39]);
    let samples = Samples { x: &x, y: &[0, 1], n_classes: 2 };
    let found = fit(&samples, None, &params(1), &work);
    assert_eq!(found, Err(MlError::TooLarge { row: 1, column: 1 }));
    let x = Matrix::new(3, 2, vec![1e-300, 7.0, 2e-300, 7.0, f64::NAN, 7.0]);
    let samples = Samples { x: &x, y: &[0, 1, 1], n_classes: 2 };
    assert_eq!(fit(&samples, None, &params(1), &work).unwrap().coarse, [0]);
}

#[test]
fn degenerate_data_is_defined() {
    let work = Work::alone(1);
    let nan = f64::NAN;
    for (n_rows, values, y, n_classes) in [
        (1, vec![1.0, 2.0], vec![0], 2),
        (3, vec![7.0; 6], vec![0, 1, 1], 3),
        (3, vec![nan; 6], vec![0, 1, 1], 2),
        (4, vec![nan, 1.0, nan, 1.0, 5.0, 1.0, 5.0, 1.0], vec![0, 0, 3, 3], 4),
        (3, vec![], vec![0, 1, 1], 2),
        (2, vec![1.0, 2.0], vec![0, 0], 1),
    ] {
        let x = Matrix::new(n_rows, values.len() / n_rows, values);
        let samples = Samples { x: &x, y: &y, n_classes };
        let fit = fit(&samples, None, &params(3), &work).unwrap();
        let p = fit.booster.predict(&x, &work).unwrap();
        assert!(p.rows().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    }
}

/// Rows side by side give the bits that rows one by one give: missing values, ties with a threshold, deep and shallow
/// trees, numbers of rows that fill no register.
#[test]
fn many_rows_are_answered_as_one_by_one() {
    let work = Work::alone(2);
    for (n_classes, depth, seed) in [(2, 6, 1), (5, 6, 2), (3, 1, 3), (4, 8, 4), (3, 0, 5)] {
        let (mut x, y) = blobs(1100, n_classes);
        let mut rng = Rng::new(seed);
        for value in x.data_mut() {
            match rng.below(10) {
                0 => *value = f64::NAN,
                1..4 => *value = value.round(),
                _ => {}
            }
        }
        let params = BoostParams { rounds: 11, max_depth: depth, seed, ..BoostParams::default() };
        let samples = Samples { x: &x, y: &y, n_classes };
        let booster = fit(&samples, None, &params, &work).unwrap().booster;
        let ready = booster.ready.get(&booster.trees, booster.base.len());
        assert!(ready.is_some(), "depth {depth}");
        for n_rows in [1, 63, 64, 65, 1024, 1100] {
            let values = &x.data()[..n_rows * 4];
            let mut one_by_one = start(&booster.base, n_rows);
            booster.add(0, values, 4, &mut one_by_one);
            for level in simd::Level::all() {
                let mut together = start(&booster.base, n_rows);
                level.force(|| ready.unwrap().add(values, 4, &mut together));
                assert_eq!(together, one_by_one, "{n_classes} {depth} {n_rows} {level:?}");
                let mut alone = start(&booster.base, n_rows);
                if level.force(|| ready.unwrap().add_alone(values, 4, &mut alone)) {
                    assert_eq!(alone, one_by_one, "alone: {n_classes} {depth} {n_rows} {level:?}");
                }
            }
        }
    }
}

#[test]
fn trees_beyond_a_byte_are_walked() {
    let work = Work::alone(1);
    let mut rng = Rng::new(9);
    let x = Matrix::new(3000, 1, (0..3000).map(|_| rng.normal()).collect());
    let y: Vec<u32> = (0..3000).map(|_| rng.below(2) as u32).collect();
    let params = BoostParams { rounds: 2, max_depth: 0, max_bin: 4096, ..BoostParams::default() };
    let booster =
        fit(&Samples { x: &x, y: &y, n_classes: 2 }, None, &params, &work).unwrap().booster;
    assert!(booster.ready.get(&booster.trees, 1).is_none());
    assert_eq!(booster.predict(&x, &work).unwrap().n_rows(), 3000);
}
