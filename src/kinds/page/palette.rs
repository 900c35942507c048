//! The colour of each segment, the same on every page and in every chart.
//! It does not know how many segments there are: colours repeat after eight, marks after thirty-two.
//!
//! The hues are those of Okabe and Ito, "Color Universal Design" (2008), told apart by people with any
//! common colour blindness; their yellow and black, invisible on white or black paper, are replaced.

/// Colours of segments 0, 1, ...
pub const SEGMENTS: [&str; 8] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8f6bd1", "#8c7a3f"];

/// Colour of noise.
pub const NOISE: &str = "#8a8f98";

/// Returns the CSS class of a segment's colour; noise (below 0) is grey.
pub fn class(segment: i32) -> String {
    match usize::try_from(segment) {
        Ok(index) => format!("s{}", index % SEGMENTS.len()),
        Err(_) => "sx".to_string(),
    }
}

/// Returns the CSS rules of the classes.
pub fn css() -> String {
    let rule = |class: &str, colour: &str| format!(".{class}{{--c:{colour}}}\n");
    let mut out: String = (0..).zip(SEGMENTS).map(|(i, colour)| rule(&class(i), colour)).collect();
    out.push_str(&rule(&class(-1), NOISE));
    out
}

/// Returns an SVG mark centred on a point: circle, square, triangle and diamond take turns each time
/// the colours repeat.
pub fn mark(segment: i32, x: f64, y: f64, r: f64) -> String {
    let class = class(segment);
    let turn = usize::try_from(segment).map_or(0, |s| s / SEGMENTS.len() % 4);
    let path = |points: &[(f64, f64)]| {
        let text: Vec<String> =
            points.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx * r, y + dy * r)).collect();
        format!("<polygon class=\"{class}\" points=\"{}\"/>", text.join(" "))
    };
    match turn {
        0 => format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\"/>"),
        1 => path(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        2 => path(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
        _ => path(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
    }
}

/// Returns a segment's mark as a small picture, for text.
pub fn key(segment: i32) -> String {
    format!(
        "<svg class=\"key marks\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">{}</svg>",
        mark(segment, 6.0, 6.0, 4.0)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_repeat_with_another_mark() {
        assert_eq!((class(0), class(8), class(-1)), ("s0".into(), "s0".into(), "sx".into()));
        assert!(mark(0, 1.0, 2.0, 3.0).starts_with("<circle"));
        assert!(mark(8, 1.0, 2.0, 3.0).starts_with("<polygon class=\"s0\""));
        assert_ne!(mark(8, 1.0, 2.0, 3.0), mark(16, 1.0, 2.0, 3.0));
    }
}
