//! Aligned columns of text for a terminal. It does not know what the cells mean.

use crate::report::style::{Style, Tone, width as length};

/// Spaces between columns.
const GAP: usize = 2;

/// No cell is shown wider than this where space is short.
const MAX_CELL: usize = 48;

/// A column is not made narrower than this before others are left out.
const MIN_CELL: usize = 12;

/// On which side a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A cell's text and how it is toned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Makes a toned cell.
    pub fn new(text: impl Into<String>, tone: Tone) -> Cell {
        Cell { text: printable(&text.into()), tone }
    }
}

impl<S: Into<String>> From<S> for Cell {
    fn from(text: S) -> Cell {
        Cell::new(text, Tone::Plain)
    }
}

/// Rows under titles.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    titles: Vec<Cell>,
    aligns: Vec<Align>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

impl Grid {
    /// Makes a grid with these columns. If all titles are empty no title line is shown.
    pub fn new<S: AsRef<str>>(columns: impl IntoIterator<Item = (S, Align)>) -> Grid {
        let (titles, aligns) = columns
            .into_iter()
            .map(|(title, align)| (Cell::new(title.as_ref(), Tone::Dim), align))
            .unzip();
        Grid { titles, aligns, rows: Vec::new(), indent: 0 }
    }

    /// Moves the whole grid to the right.
    pub fn indented(mut self, by: usize) -> Grid {
        self.indent = by;
        self
    }

    /// Adds a row; missing cells are empty.
    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// Returns the lines, and how many columns at the right were left out because `width` is too small.
    /// Without a width nothing is cut.
    pub fn render(&self, width: Option<usize>, style: &Style) -> (String, usize) {
        let mut widths = self.natural_widths();
        if let Some(width) = width {
            fit(&mut widths, width.saturating_sub(self.indent));
        }
        let mut out = String::new();
        if self.titles.iter().any(|t| !t.text.is_empty()) {
            self.render_row(&self.titles, &widths, style, &mut out);
        }
        for row in &self.rows {
            self.render_row(row, &widths, style, &mut out);
        }
        (out, self.titles.len() - widths.len())
    }

    fn natural_widths(&self) -> Vec<usize> {
        let cell_width = |row: &Vec<Cell>, j: usize| row.get(j).map_or(0, |c| length(&c.text));
        (0..self.titles.len())
            .map(|j| {
                let widest = self.rows.iter().map(|row| cell_width(row, j)).max().unwrap_or(0);
                widest.max(length(&self.titles[j].text))
            })
            .collect()
    }

    fn render_row(&self, row: &[Cell], widths: &[usize], style: &Style, out: &mut String) {
        let mut line = " ".repeat(self.indent);
        let mut owed = 0;
        for (j, &width) in widths.iter().enumerate() {
            let empty = Cell::from("");
            let cell = row.get(j).unwrap_or(&empty);
            let text = cut(&cell.text, width);
            let pad = width - length(&text);
            let (before, after) = match self.aligns[j] {
                Align::Left => (0, pad),
                Align::Right => (pad, 0),
            };
            // Spaces are owed until something follows, so that no line ends in them.
            if !text.is_empty() {
                line.push_str(&" ".repeat(owed + before));
                line.push_str(&style.tone(cell.tone, &text));
                owed = after + GAP;
            } else {
                owed += width + GAP;
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Narrows the widest columns until all fit, and leaves the last ones out where that is not enough.
fn fit(widths: &mut Vec<usize>, room: usize) {
    let total =
        |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    if total(widths) > room {
        widths.iter_mut().for_each(|w| *w = (*w).min(MAX_CELL));
    }
    while total(widths) > room {
        let n_columns = widths.len();
        match widths.iter_mut().max() {
            Some(widest) if *widest > MIN_CELL => *widest -= 1,
            _ if n_columns > 1 => {
                widths.pop();
            }
            _ => return,
        }
    }
}

/// Cuts a text to `width` columns of a terminal, the last one an ellipsis if anything is missing.
pub fn cut(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_string();
    }
    if width == 0 {
        return String::new();
    }
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let longer = at + c.len_utf8();
        if length(&text[..longer]) >= width {
            break;
        }
        end = longer;
    }
    format!("{}…", &text[..end])
}

/// Makes control characters visible: data must neither break lines nor command the terminal.
pub fn printable(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new([("name", Align::Left), ("n", Align::Right)]);
        grid.push(vec!["a".into(), "10".into()]);
        grid.push(vec!["a long\tname".into(), "5".into()]);
        grid
    }

    #[test]
    fn columns_align_and_lines_do_not_end_in_spaces() {
        let (text, hidden) = grid().render(None, &Style::new(false));
        assert_eq!(text, "name           n\na             10\na long\\tname   5\n");
        assert_eq!(hidden, 0);
    }

    #[test]
    fn narrow_terminals_cut_and_then_hide() {
        let mut grid = Grid::new([("a", Align::Left), ("b", Align::Left), ("c", Align::Left)]);
        grid.push(vec!["x".repeat(60).into(), "y".repeat(20).into(), "z".repeat(20).into()]);
        let (text, hidden) = grid.render(Some(50), &Style::new(false));
        assert!(text.lines().all(|l| length(l) <= 50), "{text}");
        assert_eq!(hidden, 0);
        let (text, hidden) = grid.render(Some(30), &Style::new(false));
        assert!(text.lines().all(|l| length(l) <= 30) && text.contains("xxx…"), "{text}");
        assert_eq!(hidden, 1);
        assert_eq!(grid.render(Some(1), &Style::new(false)).1, 2);
    }

    /// Column widths counted characters, so that a Chinese name, whose characters are two columns wide each, pushed
    /// everything behind it out of line.
    #[test]
    fn wide_characters_take_two_columns() {
        let mut grid = Grid::new([("city", Align::Left), ("n", Align::Right)]);
        for (city, n) in [("東京", "10"), ("Köln", "5"), ("e\u{301}", "7")] {
            grid.push(vec![city.into(), n.into()]);
        }
        let (text, _) = grid.render(None, &Style::new(false));
        assert_eq!(text, "city   n\n東京  10\nKöln   5\ne\u{301}      7\n");
        for (width, expected) in [(0, ""), (1, "…"), (2, "…"), (3, "東…"), (4, "東…"), (5, "東京…")]
        {
            assert_eq!(cut("東京大阪", width), expected, "{width}");
        }
    }

    #[test]
    fn escapes_in_data_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31m\nb é"), "a\\u{1b}[31m\\nb é");
    }
}
