//! Errors as text: place first, the source line with a mark under it, then what to do.
//! It does not know exit codes.

use crate::{app::AppError, report::style::Style, stage::params::Fault};

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
        let pad = " ".repeat(column.saturating_sub(1 + offset));
        let room = shown.chars().count().saturating_sub(column.saturating_sub(1 + offset));
        let mark = "^".repeat(fault.at.len.clamp(1, room.max(1)));
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

/// Cuts a very long line to the part around `column` (in characters); returns the part and where it starts.
fn window(text: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 160;
    if text.chars().count() <= WIDTH {
        return (text.to_string(), 0);
    }
    let start = column.saturating_sub(WIDTH / 2);
    (text.chars().skip(start).take(WIDTH).collect(), start)
}
