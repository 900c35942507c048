//! Errors as text: place first, the source line with a mark under it, then what to do.
//! It does not know exit codes.

use crate::{
    app::AppError,
    report::style::{Style, width},
    stage::params::Fault,
};

/// Most mistakes shown in full.
const MAX_SHOWN: usize = 50;

/// Returns the text of an error, ending in a line break.
pub fn render(error: &AppError, style: &Style) -> String {
    match error {
        AppError::Invalid { file, text, faults } => {
            let lines: Vec<&str> = text.lines().collect();
            let mut out = String::new();
            for fault in faults.iter().take(MAX_SHOWN) {
                out.push_str(&render_fault(file, &lines, fault, style));
            }
            if faults.len() > MAX_SHOWN {
                out.push_str(&format!("... and {} more\n", faults.len() - MAX_SHOWN));
            }
            out.push_str(&format!("{} {error}; nothing was run\n", style.bad("error:")));
            out
        }
        other => format!("{} {other}\n", style.bad("error:")),
    }
}

fn render_fault(file: &str, lines: &[&str], fault: &Fault, style: &Style) -> String {
    let (line, column) = (fault.at.line, fault.at.column);
    let mut out = format!("{file}:{line}:{column}: {}\n", style.bold(&fault.message));
    if let Some(text) = line.checked_sub(1).and_then(|i| lines.get(i)) {
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let (shown, offset) = window(text, column.saturating_sub(1));
        let part = |from: usize, n: usize| -> String { shown.chars().skip(from).take(n).collect() };
        let before = column.saturating_sub(1 + offset);
        let pad = " ".repeat(width(&part(0, before)));
        let mark = "^".repeat(width(&part(before, fault.at.len)).max(1));
        out.push_str(&format!("{margin} {}\n", style.dim("|")));
        out.push_str(&format!("{} {} {shown}\n", style.dim(&number), style.dim("|")));
        out.push_str(&format!("{margin} {} {pad}{}\n", style.dim("|"), style.bad(&mark)));
    }
    if !fault.help.is_empty() {
        out.push_str(&format!("  {} {}\n", style.good("help:"), fault.help));
    }
    out.push('\n');
    out
}

/// Cuts a very long line to the part around `column` (in characters); returns the part and where it starts. Tabs and
/// other control characters become spaces, so that what stands below a character stays below it.
fn window(text: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 160;
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() <= WIDTH {
        return (text, 0);
    }
    let start = column.saturating_sub(WIDTH / 2);
    (text.chars().skip(start).take(WIDTH).collect(), start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::node::Span;

    fn marked(line: &str, column: usize, len: usize) -> String {
        let fault = Fault::new(Span { line: 1, column, len }, "bad", "");
        render_fault("p.yaml", &[line], &fault, &Style::new(false))
    }

    /// The mark stood where a character of one column would be, left of its word behind Chinese text or a tab.
    #[test]
    fn the_mark_stands_below_what_it_marks() {
        assert_eq!(marked("a: xy", 4, 2), "p.yaml:1:4: bad\n  |\n1 | a: xy\n  |    ^^\n\n");
        assert!(marked("東: 京x", 4, 1).ends_with("  |     ^^\n\n"));
        assert!(marked("\tb: 1", 2, 1).ends_with("1 |  b: 1\n  |  ^\n\n"));
        assert!(marked("a:", 3, 0).ends_with("  |   ^\n\n"));
        let long = marked(&format!("{}b", "x".repeat(500)), 501, 1);
        assert!(long.ends_with(&format!("1 | {}b\n  | {}^\n\n", "x".repeat(80), " ".repeat(80))));
    }
}
