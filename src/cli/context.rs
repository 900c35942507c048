//! What every command needs: the project, how to talk, how many threads. It does not know the commands.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    thread,
};

use serde_json::Value;

use crate::{
    app::{AppError, Project},
    base::memory,
    cli::args::{Color, Global},
    report::style::Style,
};

/// The surroundings of a command.
pub struct Context {
    directory: PathBuf,
    jobs: Option<usize>,
    memory: Option<u64>,
    /// Say less.
    pub quiet: bool,
    /// Say more.
    pub verbose: bool,
    /// Print one JSON document on stdout.
    pub json: bool,
    /// How stdout is coloured.
    pub out: Style,
    /// How stderr is coloured.
    pub err: Style,
}

impl Context {
    /// Reads the global arguments and the environment's say on colour.
    pub fn new(global: &Global) -> Context {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let colored = |is_terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && !no_color,
        };
        Context {
            directory: global.directory.clone().unwrap_or_else(|| PathBuf::from(".")),
            jobs: global.jobs,
            memory: global.memory,
            quiet: global.quiet,
            verbose: global.verbose,
            json: global.json,
            out: Style::new(colored(io::stdout().is_terminal())),
            err: Style::new(colored(io::stderr().is_terminal())),
        }
    }

    /// Finds the project.
    ///
    /// # Errors
    /// If there is none here.
    pub fn project(&self) -> Result<Project, AppError> {
        Project::find(&self.directory)
    }

    /// Returns a path of the command line: relative ones start in the folder given by `-C`.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    /// Returns how many threads may work.
    pub fn jobs(&self) -> usize {
        let all = || thread::available_parallelism().map_or(1, usize::from);
        self.jobs.filter(|&n| n > 0).unwrap_or_else(all)
    }

    /// Returns how many bytes may be held in memory, if there is a limit: of the command line, else of the environment.
    ///
    /// # Errors
    /// If the environment has no size there.
    pub fn memory(&self) -> Result<Option<u64>, AppError> {
        match (self.memory, std::env::var("ORCHESTRATE_MEMORY")) {
            (Some(limit), _) => Ok(Some(limit)),
            (None, Ok(text)) if !text.trim().is_empty() => memory::parse(&text)
                .map(Some)
                .map_err(|why| AppError::Usage(format!("ORCHESTRATE_MEMORY: {why}"))),
            _ => Ok(None),
        }
    }

    /// Returns how wide stdout is, if it is a terminal.
    pub fn width(&self) -> Option<usize> {
        terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
    }

    /// Prints the command's result.
    pub fn print(&self, text: &str) {
        // A reader that went away (`| head`) has seen enough.
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    /// Prints the command's JSON document.
    pub fn print_json(&self, document: &Value) {
        self.print(&format!("{document:#}\n"));
    }

    /// Says something to the person.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }
}
