//! `orchestrate dag`. It does not know how the graph is drawn.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::{
    app::{AppError, SurveyOptions},
    cli::{args::OverrideArgs, context::Context},
    report::dag::{Graph, document, dot, mermaid, svg, text},
};

/// Arguments of `dag`.
#[derive(Debug, Args)]
pub struct DagArgs {
    /// The pipeline: a name under pipelines/ or a path
    pub pipeline: Option<String>,
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// How to draw it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Draw every instance of a matrix
    #[arg(long)]
    pub expand: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Dot,
    Mermaid,
    Svg,
    Json,
}

/// Draws a pipeline.
pub fn dag(context: &Context, args: &DagArgs) -> Result<ExitCode, AppError> {
    let options = SurveyOptions { overrides: args.overrides.overrides(), ..Default::default() };
    let survey = context.project()?.survey(args.pipeline.as_deref(), &options)?;
    let graph = Graph::new(&survey, args.expand);
    match if context.json { Format::Json } else { args.format } {
        Format::Text => context.print(&text::render(&graph, context.width(), &context.out)),
        Format::Dot => context.print(&dot::render(&graph)),
        Format::Mermaid => context.print(&mermaid::render(&graph)),
        Format::Svg => context.print(&svg::render(&graph)),
        Format::Json => context.print_json(&document::render(&graph)),
    }
    Ok(ExitCode::SUCCESS)
}
