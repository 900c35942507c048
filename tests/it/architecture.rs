//! Holds the sources against the layers: imports point downwards only, every file says what it is for.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// From the top down; a layer may import those after it, and itself.
const LAYERS: &[&str] =
    &["cli", "server", "report", "app", "kinds", "ml", "engine", "stage", "store", "frame", "base"];

/// What mathematics must not name.
const MATHEMATICS_MUST_NOT_NAME: &[&str] =
    &["arrow::", "parquet::", "std::fs", "std::time", "std::env"];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(&root).unwrap().to_path_buf(), text));
            }
        }
    }
    files.sort();
    files
}

fn layer(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_string()
}

/// Returns the layers that a source names after `crate::`, with braces of `use crate::{...}` opened.
fn named_layers(text: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => named.push(std::mem::take(&mut word)),
                    c if depth == 0 => word.push(c),
                    _ => {}
                }
            }
            named.push(word);
        } else {
            named.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    let first = |path: &String| path.trim().split("::").next().unwrap_or_default().to_string();
    named.iter().map(first).filter(|n| LAYERS.contains(&n.as_str())).collect()
}

#[test]
fn imports_point_downwards() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some(own) = LAYERS.iter().position(|l| *l == layer(&path)) else { continue };
        for other in named_layers(&text) {
            if LAYERS.iter().position(|l| *l == other).is_some_and(|i| i < own) {
                wrong.push(format!("{} imports {other}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// An operation that does not pass the seam is one at which no test can stop the program.
#[test]
fn the_store_and_the_engine_touch_files_only_through_the_seam() {
    const FORBIDDEN: &[&str] = &[
        "std::fs",
        "fs::",
        "File::open",
        "File::create",
        "File::options",
        "OpenOptions",
        ".exists()",
        ".is_file()",
        ".is_dir()",
        ".is_symlink()",
        ".read_link()",
        ".read_dir()",
        ".canonicalize()",
        ".metadata()",
    ];
    let is_held = |path: &Path| {
        ["store", "engine"].contains(&layer(path).as_str())
            || path.starts_with("kinds/command")
            || path == Path::new("kinds/command.rs")
    };
    let mut wrong = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| is_held(path)) {
        if path.starts_with("store/disk")
            || path == Path::new("store/disk.rs")
            || path.file_stem().is_some_and(|s| s == "tests")
        {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: String = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
        // A question to a value of our own, not to the disk.
        let code = code.replace("self.is_file()", "");
        for name in FORBIDDEN.iter().filter(|name| code.contains(**name)) {
            wrong.push(format!("{} uses {name}", path.display()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn mathematics_knows_no_arrow_no_files_and_no_clock() {
    let mut wrong = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| layer(path) == "ml") {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        if path.file_stem().is_some_and(|s| s == "tests" || s == "oracle") {
            continue;
        }
        for name in MATHEMATICS_MUST_NOT_NAME.iter().filter(|name| code.contains(**name)) {
            wrong.push(format!("{} names {name}", path.display()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The C library's versions of these differ by processor and release, and their results are hashed. (`mul_add` is not
/// one of them: it is rounded once, whoever computes it.)
#[test]
fn no_elementary_function_of_the_system_reaches_an_artifact() {
    const FORBIDDEN: &[&str] = &[
        ".exp()",
        ".ln()",
        ".powf(",
        ".powi(",
        ".log10()",
        ".log2()",
        ".ln_1p()",
        ".exp_m1()",
        ".sin()",
        ".cos()",
        ".tanh()",
        ".cbrt()",
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !["ml", "kinds", "frame"].contains(&layer(&path).as_str()) {
            continue;
        }
        if path.file_stem().is_some_and(|s| s == "tests" || s == "oracle") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: String = code
            .lines()
            .filter(|l| !l.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        for name in FORBIDDEN.iter().filter(|name| code.contains(**name)) {
            wrong.push(format!("{} calls {name}", path.display()));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Outside of what is inlined into a kernel, code is compiled for the oldest processor, and there `mul_add` is a call a
/// value: the same bits, many times slower. Its bits are held by the test of `ml::simd` that forces each instruction set.
#[test]
fn fused_operations_stand_where_a_kernel_takes_them_in() {
    let mut wrong = Vec::new();
    let mut n_seen = 0;
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let (mut is_inlined, mut is_told) = (false, false);
        for (i, line) in code.lines().map(str::trim_start).enumerate() {
            if line == "#[inline(always)]" {
                (is_inlined, is_told) = (true, true);
            } else if !line.starts_with("//") && !line.starts_with("#[") {
                let is_function = line.split("fn ").next().is_some_and(|before| {
                    before.len() < line.len() && (before.is_empty() || before.starts_with("pub"))
                });
                is_inlined &= is_told || !is_function;
                is_told = false;
                if line.contains(".mul_add(") {
                    n_seen += 1;
                    if !is_inlined {
                        wrong.push(format!("{}:{}", path.display(), i + 1));
                    }
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(n_seen > 5, "the test looks for something else than the kernels write");
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_eq!(silent, Vec::<String>::new());
}
