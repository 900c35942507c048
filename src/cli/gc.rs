//! `orchestrate gc`. It does not know what is kept and why.

use std::process::ExitCode;

use clap::Args;

use crate::{
    app::{AppError, gc::DEFAULT_KEEP},
    cli::{context::Context, exit, run::listen_for_interrupts},
    report,
    stage::work::Cancel,
    store::gc::Wishes,
};

/// Arguments of `gc`.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Remove it; without this nothing is changed
    #[arg(short, long)]
    pub yes: bool,
    /// Keep so many runs of each pipeline, beside tags and the newest one
    #[arg(long, value_name = "N", default_value_t = DEFAULT_KEEP)]
    pub keep: usize,
    /// Drop artifacts of kept runs too until the store fits, the cheapest to compute again first: 500MB, 2GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_size: Option<u64>,
}

/// Shows or removes what no kept run needs.
pub fn gc(context: &Context, args: &GcArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let wishes = Wishes { keep: args.keep, max_bytes: args.max_size };
    let collection = if args.yes {
        let cancel = Cancel::new();
        listen_for_interrupts(&cancel);
        project.gc(&wishes, &cancel, &|| context.say(report::plain::WAITING))?
    } else {
        project.gc_preview(&wishes)?
    };
    if context.json {
        context.print_json(&report::gc::json(&collection));
    } else {
        context.print(&report::gc::text(&collection, &context.out));
    }
    let is_stopped = collection.swept.is_some_and(|swept| swept.stopped);
    Ok(ExitCode::from(if is_stopped { exit::INTERRUPTED } else { exit::DONE }))
}

/// Reads a number of bytes: `1000`, `500MB` (powers of 1000), `2GiB` or `2G` (powers of 1024).
fn parse_size(text: &str) -> Result<u64, String> {
    let expected = || "expected a size such as 500MB or 2GiB".to_string();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let number: f64 = number.parse().map_err(|_| expected())?;
    let unit = unit.trim().to_ascii_lowercase();
    let (letter, base) = match unit.as_str() {
        "" | "b" => ("", 1.0),
        unit => match (unit.strip_suffix("ib"), unit.strip_suffix('b')) {
            (Some(letter), _) => (letter, 1024.0),
            (None, Some(letter)) => (letter, 1000.0),
            (None, None) => (unit, 1024.0),
        },
    };
    let power = match letter {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(expected()),
    };
    let bytes = (0..power).fold(number, |bytes, _| bytes * base);
    // A size beyond what a number of bytes can say limits nothing.
    Ok(bytes.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("12b", 12),
            ("1.5kB", 1500),
            ("500MB", 500_000_000),
            ("2GiB", 2 << 30),
            ("2G", 2 << 30),
            ("1 TiB", 1 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1", "1.2.3", "5 apples", "1PB", "nan"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
