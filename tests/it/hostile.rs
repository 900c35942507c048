//! Hostile input: whatever the bytes are, the program says what is wrong and lives on, in bounded memory. The seeds of the
//! fuzzer and some thousand mutations of them are fed to every entrance; the files of this folder tell one by one what was
//! tried, or found.

mod expressions;
mod files;
mod pipelines;
mod records;
#[path = "../../fuzz/targets.rs"]
mod targets;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    process::Command,
};

use crate::project::{Project, Said};

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

/// Bytes that decoders trip over, and pieces that texts are made of.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\xFF",
    b"\x7F",
    b"\x80",
    b"\xFF\xFF\xFF\xFF",
    b"\xFF\xFF\xFF\x7F",
    b"\xFF\xFF\xFF\xFF\x0F",
    b"\x80\x80\x80\x80\x08",
    b"\"",
    b"'",
    b"\n",
    b"\r\n",
    b",",
    b";",
    b"\t",
    b" ",
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b":",
    b"- ",
    b"&a ",
    b"*a",
    b"<<",
    b"${params.x}",
    b"${",
    b"|",
    b">",
    b"~",
    b"-1",
    b"0",
    b"9223372036854775808",
    b"1e999",
    b"nan",
    b"null",
    b"true",
    b"../",
    b"/",
    b"%",
    b"_",
    b"\xC3\xA9",
    b"\xE2\x80\xAE",
    b"\x1B[31m",
    b" and ",
    b"not ",
    b"::",
    b"||",
    b"case when ",
    b"interval '1 year' ",
];

/// Changes a few places of a seed, or puts two seeds together.
fn mutated(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + 1 + dice.below(12)).min(bytes.len());
        let piece = PIECES[dice.below(PIECES.len())];
        match dice.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, piece.iter().copied())),
            3 => drop(bytes.splice(at..end, piece.iter().copied())),
            4 => {
                let again = bytes[at..end].repeat(1 + dice.below(30));
                bytes.splice(at..at, again);
            }
            5 => bytes.truncate(at),
            6 => {
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len() + 1);
                bytes.splice(at.., other[from..].iter().copied());
            }
            _ if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            _ => {}
        }
    }
    bytes
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{target} lacks seeds");
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Feeds every seed and `n` mutations; what makes one fail is kept for a look.
fn feed(target: &str, n: usize, to: fn(&[u8])) {
    let seeds = seeds(target);
    let mut dice = Dice(target.len() as u64);
    let mutations: Vec<_> = (0..n).map(|_| mutated(&seeds, &mut dice)).collect();
    for bytes in seeds.iter().chain(&mutations) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| to(bytes))) {
            let path = std::env::temp_dir().join(format!("orchestrate-hostile-{target}"));
            fs::write(&path, bytes).unwrap();
            eprintln!("{target}: {}", path.display());
            resume_unwind(panic);
        }
    }
}

#[test]
fn pipeline_files() {
    feed("yaml", 3_000, targets::yaml);
}

#[test]
fn delimited_text() {
    feed("csv", 4_000, targets::csv);
}

#[test]
fn columnar_files_and_models() {
    feed("parquet", 4_000, targets::parquet);
}

#[test]
fn records_of_the_store() {
    feed("records", 2_000, targets::records);
}

#[test]
fn scalar_expressions() {
    feed("expr", 6_000, targets::expr);
}

#[test]
fn names_on_the_command_line() {
    feed("runref", 150, targets::runref);
}

impl Project {
    /// Runs the binary with so many megabytes of address space: more is not there.
    fn say_within(&self, megabytes: u64, arguments: &[&str]) -> Said {
        let plain = self.command(arguments);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -v {}; exec \"$0\" \"$@\"", megabytes << 10)]);
        shell.arg(plain.get_program()).args(plain.get_args()).env("NO_COLOR", "1");
        shell.output().unwrap().into()
    }
}
