//! `orchestrate serve`. It does not know how requests are answered.

use std::{fs, io::Write, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;

use crate::{
    app::AppError,
    base::{memory, memory::Memory, pool::Pool},
    cli::context::Context,
    server::{
        listen::Patience,
        scoring::{self, Limits, Log, ServeOptions, Source},
    },
    stage::work::{Cancel, Work},
};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Answer with this run; when a tag (or `latest`) moves, the server follows [default: the newest with a classifier]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Which champion, if the run has several
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// Answer with the run in this file, written by `export --format bundle`: no project is needed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "stage"])]
    pub bundle: Option<PathBuf>,
    /// Listen here; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub bind: SocketAddr,
    /// Require the bearer token in this file [default: ORCHESTRATE_TOKEN, else none]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Refuse bodies that are longer
    #[arg(long, value_name = "SIZE", value_parser = memory::parse, default_value = "16MiB")]
    pub max_body: u64,
    /// Give a request so many seconds, the arrival of its body included
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,
    /// Work on so many requests at a time, and tell further ones to come again
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub queue: u32,
    /// Hold so many connections; more wait
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// Write no line for each request to standard output
    #[arg(long)]
    pub no_access_log: bool,
}

/// Serves a run until the program is asked to end.
pub fn serve(context: &Context, args: &ServeArgs) -> Result<ExitCode, AppError> {
    let pool = Pool::new(context.jobs()).with_memory(Memory::new(context.memory()?));
    let work = Work::new(pool, Cancel::new());
    let source = match &args.bundle {
        Some(path) => Source::Bundle(context.resolve(path)),
        None => Source::Run {
            project: context.project()?,
            run: args.run.clone(),
            stage: args.stage.clone(),
        },
    };
    let sink: Option<Box<dyn Write + Send>> =
        (!args.no_access_log).then(|| Box::new(std::io::stdout()) as _);
    let seconds = Duration::from_secs(args.timeout);
    let options = ServeOptions {
        source,
        address: args.bind,
        token: token(context, args)?,
        limits: Limits {
            body: usize::try_from(args.max_body).unwrap_or(usize::MAX),
            time: seconds,
            queue: args.queue as usize,
        },
        patience: Patience { connections: args.connections, head: seconds, grace: seconds },
        log: Log::new(sink),
    };
    scoring::serve(options, work, |address, run| {
        context
            .say(&format!("run {} answers at http://{address}/\n", run.get(..12).unwrap_or(run)));
    })?;
    Ok(ExitCode::SUCCESS)
}

fn token(context: &Context, args: &ServeArgs) -> Result<Option<String>, AppError> {
    let (text, from) = match &args.token_file {
        Some(path) => {
            let path = context.resolve(path);
            let text = fs::read_to_string(&path).map_err(AppError::io("read", &path))?;
            (text, path.display().to_string())
        }
        None => match std::env::var("ORCHESTRATE_TOKEN") {
            Ok(text) => (text, "ORCHESTRATE_TOKEN".to_string()),
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(error) => return Err(AppError::Usage(format!("ORCHESTRATE_TOKEN: {error}"))),
        },
    };
    let token = text.trim();
    if token.is_empty() {
        return Err(AppError::Usage(format!("{from} holds no token")));
    }
    Ok(Some(token.to_string()))
}
