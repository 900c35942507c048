//! The picture of where values are missing: columns side by side, stretches of rows from top to bottom.
//! It does not count: [`super::columns`] did.

use std::fmt::Write;

use crate::kinds::{
    eda::columns::{Column, blocks},
    page::{
        self,
        chart::{Frame, plain_ticks},
    },
};

/// Shades between nothing missing and everything.
const SHADES: usize = 5;
/// Columns that take the whole width: fewer are not drawn wider.
const FULL: usize = 12;

/// Draws the gaps of some columns; `None` without any.
pub fn svg(columns: &[&Column], n_rows: usize) -> Option<String> {
    if columns.is_empty() {
        return None;
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let names = page::cut_apart(&names, 16).into_iter().enumerate();
    let width = columns.len().max(FULL) as f64;
    let frame = Frame {
        label: "Where values are missing, by column and row",
        x_title: "",
        x_ticks: names.map(|(i, name)| (i as f64 + 0.5, name)).collect(),
        x: (0.0, width),
        y_ticks: plain_ticks(0.0, n_rows as f64, 5),
        y: (n_rows as f64, 0.0),
        size: (900.0, 360.0),
        slanted: true,
    };
    let rows = blocks(n_rows);
    Some(frame.around(|x, y| {
        let mut shades = vec![String::new(); SHADES];
        for (i, column) in columns.iter().enumerate() {
            let (left, right) = (x.at(i as f64 + 0.08), x.at(i as f64 + 0.92));
            for (missing, rows) in column.gaps.iter().zip(&rows).filter(|(n, _)| **n > 0) {
                let share = *missing as f64 / rows.len() as f64;
                let shade = ((share * SHADES as f64).ceil() as usize).clamp(1, SHADES) - 1;
                let (top, bottom) = (y.at(rows.start as f64), y.at(rows.end as f64));
                let _ = write!(shades[shade], "M{left} {top}H{right}V{bottom}H{left}z");
            }
        }
        let mut out = String::new();
        for (i, path) in shades.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            let opacity = (i + 1) as f64 / SHADES as f64;
            let _ = writeln!(out, "<path class=\"gap\" fill-opacity=\"{opacity}\" d=\"{path}\"/>");
        }
        out
    }))
}
