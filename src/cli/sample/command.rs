//! `orchestrate sample`: arguments and files around the generators. It does not know what they write.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::{
    app::{AppError, export::NewFile},
    cli::{context::Context, sample},
    report::{json::FORMAT, style::count},
};

/// Bytes kept back before they are written.
const BUFFER: usize = 1 << 20;

/// Arguments of `sample`.
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// What to make
    #[arg(value_enum)]
    pub what: What,
    /// How many rows
    #[arg(long, value_name = "N")]
    pub rows: u64,
    /// Another seed makes other rows with other ids
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Write into this file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write which persona each customer is into this file
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
}

/// What can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// One row a customer
    Customers,
    /// One row an order line
    Transactions,
}

/// Writes sample data.
pub fn sample(context: &Context, args: &SampleArgs) -> Result<ExitCode, AppError> {
    if context.json && args.output.is_none() {
        let help = "--json prints a document on standard output; say where the rows go with -o";
        return Err(AppError::Usage(help.to_string()));
    }
    let output = args.output.as_ref().map(|path| context.resolve(path));
    let truth = args.truth.as_ref().map(|path| context.resolve(path));
    let mut truth_file = truth.as_deref().map(NewFile::create).transpose()?;
    let truth_sink = truth_file.as_mut().map(|file| file.sink() as &mut dyn Write);
    match &output {
        Some(path) => {
            let mut file = NewFile::create(path)?;
            generate(args, file.sink(), truth_sink).map_err(AppError::io("write", path))?;
            file.keep()?;
        }
        None => {
            let mut sink = BufWriter::with_capacity(BUFFER, io::stdout().lock());
            let written = generate(args, &mut sink, truth_sink);
            // A reader that went away (`| head`) has seen enough.
            written
                .or_else(|e| if e.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(e) })
                .map_err(AppError::io("write", Path::new("standard output")))?;
        }
    }
    if let Some(file) = truth_file {
        file.keep()?;
    }
    tell(context, args, output.as_deref(), truth.as_deref());
    Ok(ExitCode::SUCCESS)
}

fn generate(
    args: &SampleArgs,
    out: &mut dyn Write,
    truth: Option<&mut dyn Write>,
) -> io::Result<()> {
    match args.what {
        What::Customers => sample::customers(args.rows, args.seed, out, truth),
        What::Transactions => sample::transactions(args.rows, args.seed, out, truth),
    }
}

fn tell(context: &Context, args: &SampleArgs, output: Option<&Path>, truth: Option<&Path>) {
    if context.json {
        context.print_json(&json!({
            "format": FORMAT, "rows": args.rows, "seed": args.seed, "file": output, "truth": truth,
        }));
    } else if let Some(path) = output {
        context.say(&format!("{} rows -> {}\n", count(args.rows), path.display()));
    }
}
