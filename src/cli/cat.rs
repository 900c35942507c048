//! `orchestrate cat` and `orchestrate path`: looking at artifacts. It does not know what is in them.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use arrow::array::AsArray;
use clap::Args;
use serde_json::{Value, json};

use crate::{
    app::{AppError, Artifact, Where, export},
    cli::context::Context,
    frame::{Table, export as formats, expr::Expr},
    report,
    store::Store,
};

/// Rows shown on a terminal if nobody says how many.
const HEAD: usize = 20;

/// Where to look.
#[derive(Debug, Args)]
pub struct WhereArgs {
    /// Look at this run instead of the newest artifacts
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// The pipeline: a name under pipelines/ or a path
    #[arg(long, value_name = "PIPELINE", conflicts_with = "run")]
    pub pipeline: Option<String>,
}

#[derive(Debug, Args)]
pub struct CatArgs {
    /// The stage or instance, and its output: features, kmeans/k=4.labels
    #[arg(value_name = "STAGE[.PORT]")]
    pub what: String,
    /// Take only the first rows [default: 20 on a terminal; all with --json or -o]
    #[arg(long, value_name = "N")]
    pub rows: Option<usize>,
    /// Take only rows where this SQL expression holds
    #[arg(long = "where", value_name = "EXPR")]
    pub filter: Option<String>,
    /// Take only these columns, in this order
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Write into this file: .csv, .parquet, .arrow or .json
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub place: WhereArgs,
}

#[derive(Debug, Args)]
pub struct PathArgs {
    /// The stage or instance, and its output: features, kmeans/k=4.labels
    #[arg(value_name = "STAGE[.PORT]")]
    pub what: String,
    #[command(flatten)]
    pub place: WhereArgs,
}

impl WhereArgs {
    fn place(&self) -> Where<'_> {
        match &self.run {
            Some(run) => Where::Run(run),
            None => Where::Pipeline(self.pipeline.as_deref()),
        }
    }
}

/// Shows an artifact.
pub fn cat(context: &Context, args: &CatArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let artifact = project.artifact(args.place.place(), &args.what)?;
    let store = project.store()?;
    mention(context, &artifact);
    if artifact.is_table() {
        let wanted = wanted_rows(context, args);
        // A condition has to see all rows; without one only those are read that are shown.
        let read = wanted.filter(|_| args.filter.is_none());
        let (table, mut n_all) = artifact.table(&store, read)?;
        let mut table = chosen(table, args)?;
        if args.filter.is_some() {
            n_all = table.n_rows();
            let n = wanted.unwrap_or(n_all).min(n_all);
            table = Table::from_batch(table.batch().slice(0, n));
        }
        show_table(context, &table, n_all, args)?;
    } else {
        show_bytes(context, &artifact, &store, args)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints where artifacts lie.
pub fn path(context: &Context, args: &PathArgs) -> Result<ExitCode, AppError> {
    let project = context.project()?;
    let artifacts = project.artifacts(args.place.place(), &args.what)?;
    if context.json {
        let all: Vec<Value> = artifacts.iter().map(document).collect();
        context.print_json(&json!({ "format": report::json::FORMAT, "artifacts": all }));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(first) = artifacts.first() {
        mention(context, first);
    }
    for artifact in &artifacts {
        context.print(&format!("{}\n", artifact.path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says which of several outputs was taken, so that nobody takes it for another one.
fn mention(context: &Context, artifact: &Artifact) {
    if !artifact.beside.is_empty() {
        let (stage, port) = (&artifact.stage, &artifact.port);
        let beside = artifact.beside.join(", ");
        context.say(&context.err.dim(&format!("{stage}.{port} (it also has {beside})\n")));
    }
}

fn document(artifact: &Artifact) -> Value {
    json!({
        "stage": artifact.stage, "port": artifact.port, "hash": artifact.hash,
        "rows": artifact.rows, "path": artifact.path,
    })
}

/// Returns how many rows are to be shown at the most; `None` for all.
fn wanted_rows(context: &Context, args: &CatArgs) -> Option<usize> {
    let for_eyes = !context.json && args.output.is_none();
    args.rows.or_else(|| for_eyes.then_some(HEAD))
}

/// Returns the rows and columns that were asked for.
fn chosen(table: Table, args: &CatArgs) -> Result<Table, AppError> {
    let mut table = table;
    if let Some(text) = &args.filter {
        table = filtered(&table, text)?;
    }
    if !args.columns.is_empty() {
        table = projected(&table, &args.columns)?;
    }
    Ok(table)
}

fn filtered(table: &Table, text: &str) -> Result<Table, AppError> {
    let wrong = |error: &dyn std::fmt::Display| AppError::Usage(format!("--where: {error}"));
    let condition = Expr::parse(text).map_err(|e| wrong(&e))?;
    condition.check_condition(&table.schema()).map_err(|e| wrong(&e))?;
    let keep = condition.eval(table.batch()).map_err(|e| wrong(&e))?;
    table.filter(keep.as_boolean()).map_err(|e| wrong(&e))
}

fn projected(table: &Table, columns: &[String]) -> Result<Table, AppError> {
    let wrong = |error: &dyn std::fmt::Display| AppError::Usage(format!("--columns: {error}"));
    let mut pairs = Vec::new();
    for name in columns {
        let name = name.trim();
        pairs.push((name, table.column(name).map_err(|e| wrong(&e))?.clone()));
    }
    let id = table.id_name().filter(|id| columns.iter().any(|c| c.trim() == id));
    Table::new(id.as_deref(), pairs).map_err(|e| wrong(&e))
}

/// Shows a table, or the first rows of one that has `n_all`.
fn show_table(
    context: &Context,
    table: &Table,
    n_all: usize,
    args: &CatArgs,
) -> Result<(), AppError> {
    if let Some(path) = &args.output {
        let path = &context.resolve(path);
        export::table(table, path)?;
        let rows = report::style::counted(table.n_rows(), "row", "rows");
        context.say(&format!("{rows} written to {}\n", path.display()));
        if context.json {
            context.print_json(&json!({
                "format": report::json::FORMAT, "file": path, "rows": table.n_rows(),
            }));
        }
        return Ok(());
    }
    if context.json {
        let written = formats::write_json(table, io::BufWriter::new(io::stdout()));
        return ignore_broken_pipe(written);
    }
    context.print(&report::frame::render(table, n_all, context.width(), &context.out));
    Ok(())
}

/// A reader that went away (`| head`) has seen enough.
fn ignore_broken_pipe(result: Result<(), crate::frame::FrameError>) -> Result<(), AppError> {
    use crate::frame::FrameError;
    match result {
        Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| AppError::Stage(e.into())),
    }
}

fn show_bytes(
    context: &Context,
    artifact: &Artifact,
    store: &Store,
    args: &CatArgs,
) -> Result<(), AppError> {
    if args.filter.is_some() || !args.columns.is_empty() || args.rows.is_some() {
        let name = format!("{}.{}", artifact.stage, artifact.port);
        return Err(AppError::Usage(format!(
            "`{name}` is not a table, it has no rows and columns"
        )));
    }
    let bytes = artifact.bytes(store)?;
    match &args.output {
        Some(path) => {
            let path = &context.resolve(path);
            export::bytes(&bytes, path)?;
            context.say(&format!("written to {}\n", path.display()));
            if context.json {
                let document = json!({ "format": report::json::FORMAT, "file": path });
                context.print_json(&document);
            }
        }
        None if context.json => {
            let mut document = document(artifact);
            document["format"] = json!(report::json::FORMAT);
            document["bytes"] = json!(bytes.len());
            context.print_json(&document);
        }
        None if io::stdout().is_terminal() => {
            context.say("not a table; it lies at\n");
            context.print(&format!("{}\n", artifact.path.display()));
        }
        None => {
            // A reader that went away has seen enough.
            let _ = io::stdout().lock().write_all(&bytes);
        }
    }
    Ok(())
}
