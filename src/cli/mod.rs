//! The command line: arguments, one file a command, exit codes.
//! It does not compute anything: it asks `app` and hands the answer to `report`.

mod args;
mod bundle;
mod cat;
mod check;
mod context;
mod dag;
mod diff;
mod drift;
mod du;
mod exit;
mod explain;
mod export;
mod fsck;
mod gc;
mod generate;
mod history;
mod init;
mod kinds;
mod onnx;
mod parity;
mod predict;
mod report;
mod reproduce;
mod run;
pub mod sample;
mod serve;
mod status;
mod ui;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{
        args::{Arguments, Command},
        context::Context,
    },
    frame,
};

/// Parses the arguments, carries out the command and returns its exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    frame::guard::silence();
    let context = Context::new(&arguments.global);
    let result = match &arguments.command {
        Command::Init(args) => init::init(&context, args),
        Command::Sample(args) => sample::command::sample(&context, args),
        Command::Run(args) => run::run(&context, args),
        Command::Status(args) => status::status(&context, args),
        Command::Plan(args) => status::plan(&context, args),
        Command::Explain(args) => explain::explain(&context, args),
        Command::Report(args) => report::report(&context, args),
        Command::Trace(args) => report::trace(&context, args),
        Command::Dag(args) => dag::dag(&context, args),
        Command::Ui(args) => ui::ui(&context, args),
        Command::Log(args) => history::log(&context, args),
        Command::Show(args) => history::show(&context, args),
        Command::Diff(args) => diff::diff(&context, args),
        Command::Tag(args) => history::tag(&context, args),
        Command::Cat(args) => cat::cat(&context, args),
        Command::Path(args) => cat::path(&context, args),
        Command::Check(args) => check::check(&context, args),
        Command::Predict(args) => predict::predict(&context, args),
        Command::Serve(args) => serve::serve(&context, args),
        Command::Drift(args) => drift::drift(&context, args),
        Command::Export(args) => export::export(&context, args),
        Command::Reproduce(args) => reproduce::reproduce(&context, args),
        Command::Restore(args) => reproduce::restore(&context, args),
        Command::Gc(args) => gc::gc(&context, args),
        Command::Fsck(args) => fsck::fsck(&context, args),
        Command::Du => du::du(&context),
        Command::Schema => generate::schema(&context),
        Command::Kinds(args) => kinds::kinds(&context, args),
        Command::Completions(args) => generate::completions(&context, args),
    };
    match result {
        Ok(code) => code,
        Err(error) => exit::report(&context, &error),
    }
}
