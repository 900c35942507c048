//! Where boxes and arrows of a layered drawing stand: left to right by longest path, few crossings, short
//! arrows. The same graph always gives the same places. It does not know what is in the boxes.
//!
//! After Sugiyama, Tagawa and Toda (1981): layers, stand-ins where an arrow passes a layer, barycentre sweeps
//! for the order in a layer; then heights as the least-squares fit to the neighbours' under the order (solved
//! by pooling adjacent violators).

use std::cmp::Ordering;

/// Space between layers.
const LAYER_GAP: f64 = 56.0;
/// Space between boxes of a layer.
const NODE_GAP: f64 = 18.0;
/// Height that an arrow takes where it passes a layer.
const PASS_HEIGHT: f64 = 8.0;
/// Sweeps over the layers, each of them back and forth.
const SWEEPS: usize = 12;

/// Places of everything, from 0 on.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Left upper corner of each box.
    pub corners: Vec<(f64, f64)>,
    /// Points that each arrow passes, first and last on the edges of its boxes.
    pub routes: Vec<Vec<(f64, f64)>>,
    /// Width and height of all of it.
    pub size: (f64, f64),
}

/// A box, or a stand-in for an arrow that passes a layer.
struct Item {
    layer: usize,
    width: f64,
    height: f64,
    left: Vec<usize>,
    right: Vec<usize>,
    /// Of the centre.
    y: f64,
}

/// Lays out boxes of the given sizes; edges lead from a box to one of a higher index.
pub fn layout(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Layout {
    let layers_of = layers(sizes.len(), edges);
    let mut items: Vec<Item> = sizes
        .iter()
        .zip(&layers_of)
        .map(|(&(width, height), &layer)| Item {
            layer,
            width,
            height,
            left: Vec::new(),
            right: Vec::new(),
            y: 0.0,
        })
        .collect();
    let chains: Vec<Vec<usize>> = edges.iter().map(|&edge| connect(&mut items, edge)).collect();
    let mut layers = vec![Vec::new(); items.iter().map(|i| i.layer + 1).max().unwrap_or(0)];
    for (i, item) in items.iter().enumerate() {
        layers[item.layer].push(i);
    }
    reduce_crossings(&items, &mut layers);
    set_heights(&mut items, &layers);
    place(sizes.len(), &items, &layers, &chains)
}

/// Longest path from a source; a source stands right before the first that takes from it.
fn layers(n: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut layer = vec![0; n];
    for to in 0..n {
        let givers = edges.iter().filter(|e| e.1 == to);
        layer[to] = givers.map(|e| layer[e.0] + 1).max().unwrap_or(0);
    }
    for from in 0..n {
        if edges.iter().all(|e| e.1 != from) {
            let takers = edges.iter().filter(|e| e.0 == from);
            layer[from] = takers.map(|e| layer[e.1] - 1).min().unwrap_or(0);
        }
    }
    layer
}

/// Adds stand-ins between the ends of an edge and returns the whole chain.
fn connect(items: &mut Vec<Item>, (from, to): (usize, usize)) -> Vec<usize> {
    let mut chain = vec![from];
    for layer in items[from].layer + 1..items[to].layer {
        chain.push(items.len());
        items.push(Item {
            layer,
            width: 0.0,
            height: PASS_HEIGHT,
            left: Vec::new(),
            right: Vec::new(),
            y: 0.0,
        });
    }
    chain.push(to);
    for pair in chain.windows(2) {
        items[pair[0]].right.push(pair[1]);
        items[pair[1]].left.push(pair[0]);
    }
    chain
}

fn reduce_crossings(items: &[Item], layers: &mut Vec<Vec<usize>>) {
    let mut best = (crossings(items, layers), layers.clone());
    for sweep in 0..SWEEPS {
        let rightwards = sweep % 2 == 0;
        let order: Vec<usize> = match rightwards {
            true => (0..layers.len()).collect(),
            false => (0..layers.len()).rev().collect(),
        };
        for l in order {
            let places = places(items.len(), layers);
            let key = |&i: &usize| {
                let neighbours = if rightwards { &items[i].left } else { &items[i].right };
                let sum: usize = neighbours.iter().map(|&n| places[n]).sum();
                match neighbours.len() {
                    // One without neighbours on that side stays where it is.
                    0 => places[i] as f64,
                    n => sum as f64 / n as f64,
                }
            };
            layers[l].sort_by(|a, b| key(a).total_cmp(&key(b)));
        }
        let n = crossings(items, layers);
        if n < best.0 {
            best = (n, layers.clone());
        }
    }
    *layers = best.1;
}

fn places(n: usize, layers: &[Vec<usize>]) -> Vec<usize> {
    let mut places = vec![0; n];
    for layer in layers {
        layer.iter().enumerate().for_each(|(place, &i)| places[i] = place);
    }
    places
}

fn crossings(items: &[Item], layers: &[Vec<usize>]) -> usize {
    let places = places(items.len(), layers);
    let mut count = 0;
    for layer in layers {
        let arrows: Vec<(usize, usize)> = layer
            .iter()
            .flat_map(|&i| items[i].right.iter().map(move |&j| (i, j)))
            .map(|(i, j)| (places[i], places[j]))
            .collect();
        for (a, first) in arrows.iter().enumerate() {
            let crossed = |second: &&(usize, usize)| {
                let sides = (first.0.cmp(&second.0), first.1.cmp(&second.1));
                matches!(
                    sides,
                    (Ordering::Less, Ordering::Greater) | (Ordering::Greater, Ordering::Less)
                )
            };
            count += arrows[a + 1..].iter().filter(crossed).count();
        }
    }
    count
}

/// Moves every item towards the mean height of its neighbours as far as the order in its layer lets it.
fn set_heights(items: &mut [Item], layers: &[Vec<usize>]) {
    for layer in layers {
        let mut y = 0.0;
        for &i in layer {
            items[i].y = y + items[i].height / 2.0;
            y += items[i].height + NODE_GAP;
        }
    }
    for sweep in 0..SWEEPS {
        let order: Vec<&Vec<usize>> = match sweep % 2 {
            0 => layers.iter().collect(),
            _ => layers.iter().rev().collect(),
        };
        for layer in order {
            let wanted: Vec<f64> = layer
                .iter()
                .map(|&i| {
                    let all = || items[i].left.iter().chain(&items[i].right);
                    match all().count() {
                        0 => items[i].y,
                        n => all().map(|&j| items[j].y).sum::<f64>() / n as f64,
                    }
                })
                .collect();
            let heights: Vec<f64> = layer.iter().map(|&i| items[i].height).collect();
            for (&i, y) in layer.iter().zip(separated(&wanted, &heights)) {
                items[i].y = y;
            }
        }
    }
}

/// Returns the heights nearest to the wanted ones (in squares) at which nothing overlaps.
fn separated(wanted: &[f64], heights: &[f64]) -> Vec<f64> {
    let mut offsets = Vec::with_capacity(wanted.len());
    let mut offset = 0.0;
    for (i, height) in heights.iter().enumerate() {
        if i > 0 {
            offset += (heights[i - 1] + height) / 2.0 + NODE_GAP;
        }
        offsets.push(offset);
    }
    // Without the offsets it is isotonic regression: pools of (sum, count) with rising means.
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (w, o) in wanted.iter().zip(&offsets) {
        pools.push((w - o, 1));
        while let [.., (sum_a, n_a), (sum_b, n_b)] = pools[..]
            && sum_a / n_a as f64 > sum_b / n_b as f64
        {
            pools.truncate(pools.len() - 2);
            pools.push((sum_a + sum_b, n_a + n_b));
        }
    }
    let levels = pools.iter().flat_map(|&(sum, n)| std::iter::repeat_n(sum / n as f64, n));
    levels.zip(&offsets).map(|(level, offset)| level + offset).collect()
}

fn place(n_boxes: usize, items: &[Item], layers: &[Vec<usize>], chains: &[Vec<usize>]) -> Layout {
    let widths: Vec<f64> = layers
        .iter()
        .map(|layer| layer.iter().fold(0.0, |w: f64, &i| w.max(items[i].width)))
        .collect();
    let mut lefts = Vec::with_capacity(widths.len());
    let mut x = 0.0;
    for width in &widths {
        lefts.push(x);
        x += width + LAYER_GAP;
    }
    let top = items.iter().map(|i| i.y - i.height / 2.0).fold(f64::INFINITY, f64::min);
    let top = if top.is_finite() { top } else { 0.0 };
    let bottom = items.iter().map(|i| i.y + i.height / 2.0).fold(0.0, f64::max);
    // Half pixels would only make the file longer.
    let y = |i: usize| (items[i].y - top).round();
    let corners = (0..n_boxes)
        .map(|i| (lefts[items[i].layer], y(i) - (items[i].height / 2.0).round()))
        .collect();
    let route = |chain: &Vec<usize>| {
        let mut points = Vec::new();
        for (k, &i) in chain.iter().enumerate() {
            let layer = items[i].layer;
            if k > 0 {
                points.push((lefts[layer], y(i)));
            }
            if k + 1 < chain.len() {
                // A box ends where it ends, a stand-in passes its whole layer.
                let width = if i < n_boxes { items[i].width } else { widths[layer] };
                points.push((lefts[layer] + width, y(i)));
            }
        }
        points
    };
    Layout {
        corners,
        routes: chains.iter().map(route).collect(),
        size: ((x - LAYER_GAP).max(0.0), (bottom - top).round().max(0.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: (f64, f64) = (100.0, 40.0);

    #[test]
    fn boxes_of_a_layer_do_not_overlap_and_arrows_lead_right() {
        // A fan: one source, five in the middle, all into one, with a long arrow past them.
        let edges: Vec<(usize, usize)> =
            (1..6).flat_map(|i| [(0, i), (i, 6)]).chain([(0, 6), (6, 7), (0, 7)]).collect();
        let layout = layout(&[BOX; 8], &edges);
        for route in &layout.routes {
            assert!(route.windows(2).all(|p| p[0].0 <= p[1].0), "{route:?}");
        }
        let mut middle: Vec<f64> = layout.corners[1..6].iter().map(|c| c.1).collect();
        middle.sort_by(f64::total_cmp);
        assert!(middle.windows(2).all(|p| p[1] - p[0] >= 40.0), "{middle:?}");
        assert!(layout.corners.iter().all(|c| c.0 >= 0.0 && c.1 >= 0.0));
    }

    #[test]
    fn crossings_that_need_not_be_are_not() {
        // 0 and 1 feed 3 and 2: in the order of the file the arrows cross.
        let layout = layout(&[BOX; 4], &[(0, 3), (1, 2)]);
        let y: Vec<f64> = layout.corners.iter().map(|c| c.1).collect();
        assert_eq!(y[0] < y[1], y[3] < y[2]);
    }

    #[test]
    fn heights_are_the_nearest_without_overlap() {
        assert_eq!(separated(&[0.0, 100.0], &[10.0, 10.0]), [0.0, 100.0]);
        assert_eq!(separated(&[0.0, 0.0], &[10.0, 10.0]), [-14.0, 14.0]);
        assert_eq!(layout(&[], &[]).size, (0.0, 0.0));
    }
}
