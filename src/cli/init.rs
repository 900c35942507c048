//! `orchestrate init`: a project that runs in a minute. It never overwrites: what is there stays.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::json;

use crate::{
    app::{AppError, export::NewFile},
    cli::{context::Context, sample},
    kinds,
    report::json::FORMAT,
};

/// The pipeline that ships with the program.
const PIPELINE: &str = include_str!("../../pipelines/customer_segmentation.yaml");

/// Artifacts and exports are not for version control.
const GITIGNORE: &str = "/artifacts/\n/data/processed/\n";

/// Seeds of the sample data; other seeds make other ids.
const CUSTOMERS_SEED: u64 = 42;
const NEW_CUSTOMERS_SEED: u64 = 43;

/// New customers to assign to the segments.
const N_NEW: u64 = 200;

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder; made if it is not there
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// How many sample customers
    #[arg(long, value_name = "N", default_value_t = 5000)]
    pub rows: u64,
}

/// Makes a project.
pub fn init(context: &Context, args: &InitArgs) -> Result<ExitCode, AppError> {
    let root = context.resolve(&args.dir);
    let schema = format!("{:#}\n", kinds::schema::pipeline());
    let rows = args.rows;
    let mut made = Made { root: root.clone(), files: Vec::new(), kept: Vec::new() };
    made.file("pipelines/customer_segmentation.yaml", |sink| sink.write_all(PIPELINE.as_bytes()))?;
    made.file("data/raw/customers.csv", |sink| {
        sample::customers(rows, CUSTOMERS_SEED, sink, None)
    })?;
    made.file("data/raw/new_customers.csv", |sink| {
        sample::customers(N_NEW, NEW_CUSTOMERS_SEED, sink, None)
    })?;
    made.file(".gitignore", |sink| sink.write_all(GITIGNORE.as_bytes()))?;
    made.file("artifacts/schema/pipeline.json", |sink| sink.write_all(schema.as_bytes()))?;
    let processed = root.join("data/processed");
    fs::create_dir_all(&processed).map_err(AppError::io("create", &processed))?;
    made.tell(context, &args.dir);
    Ok(ExitCode::SUCCESS)
}

/// What was made and what was there.
struct Made {
    root: PathBuf,
    files: Vec<&'static str>,
    kept: Vec<&'static str>,
}

impl Made {
    fn file(
        &mut self,
        name: &'static str,
        write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<(), AppError> {
        let path = self.root.join(name);
        // Also a dangling link is something that somebody put there.
        if path.symlink_metadata().is_ok() {
            self.kept.push(name);
            return Ok(());
        }
        let mut file = NewFile::create(&path)?;
        write(file.sink()).map_err(AppError::io("write", &path))?;
        file.keep()?;
        self.files.push(name);
        Ok(())
    }

    fn tell(&self, context: &Context, dir: &Path) {
        if context.json {
            context.print_json(&json!({
                "format": FORMAT, "root": self.root, "made": self.files, "kept": self.kept,
            }));
            return;
        }
        let style = &context.err;
        for name in &self.files {
            context.say(&format!("{}  {name}\n", style.good("made")));
        }
        for name in &self.kept {
            context.say(&format!("{}  {name} (it was there)\n", style.warn("kept")));
        }
        let folder = match dir.to_string_lossy().as_ref() {
            "." => String::new(),
            dir => format!(" -C {}", shlex::try_quote(dir).unwrap_or(dir.into())),
        };
        context.say(&format!("next: {}\n", style.bold(&format!("orchestrate{folder} run"))));
    }
}
