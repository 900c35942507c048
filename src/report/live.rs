//! A run as it happens: bars on a terminal, one line a stage elsewhere. It does not know how stages run.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::{
    engine::{
        event::{Event, Report, State},
        plan::Plan,
    },
    report::{
        plain,
        style::{Style, count, duration},
    },
    stage::work::Progress,
};

/// Shows events as they come. All methods may be called from any thread.
pub struct Live {
    silent: bool,
    verbose: bool,
    style: Style,
    bars: Option<MultiProgress>,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    total: Option<ProgressBar>,
    running: BTreeMap<String, ProgressBar>,
}

impl Live {
    /// Makes a display on stderr.
    pub fn new(silent: bool, verbose: bool, style: Style) -> Live {
        let on_terminal = io::stderr().is_terminal() && !silent;
        Live {
            silent,
            verbose,
            style,
            bars: on_terminal.then(MultiProgress::new),
            board: Mutex::default(),
        }
    }

    /// Shows an event.
    pub fn on_event(&self, plan: &Plan, event: Event<'_>) {
        if self.silent {
            return;
        }
        match event {
            Event::Started { name, progress, .. } => self.started(plan, name, progress),
            Event::Waiting { name } => {
                let word = self.style.dim(&format!("{:>9}", "wait"));
                self.line(&format!("{word}  {name}  another process is at it"));
            }
            Event::Rebuilding { name, reasons } => {
                let word = self.style.warn(&format!("{:>9}", "rebuild"));
                self.line(&format!("{word}  {name}  {}", plain::reasons_text(reasons)));
            }
            Event::Retrying { name, error, left } => {
                let word = self.style.warn("retry");
                self.line(&format!("{word:>9}  {name}: {error} ({left} more)"));
            }
            Event::Finished { report } => self.finished(plan, report),
        }
    }

    /// Returns something that can speak from anywhere, at any time, without tearing the bars.
    pub fn speaker(&self) -> impl Fn(&str) + Send + 'static {
        let bars = self.bars.clone();
        let style = self.style;
        move |text| say(bars.as_ref(), &style.warn(text))
    }

    /// Takes the bars away.
    pub fn finish(&self) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(total) = board.total.take() {
            total.finish_and_clear();
        }
    }

    fn started(&self, plan: &Plan, name: &str, progress: Progress) {
        let Some(bars) = &self.bars else {
            if self.verbose {
                self.line(&format!("{:>9}  {name}", self.style.busy("start")));
            }
            return;
        };
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.total.get_or_insert_with(|| total_bar(bars, plan.order.len() as u64));
        let bar = bars.insert_from_back(1, ProgressBar::new(0));
        bar.set_style(stage_style(false));
        bar.set_message(format!("{name:width$}", width = name_width(plan)));
        bar.enable_steady_tick(Duration::from_millis(120));
        follow(bar.clone(), progress);
        board.running.insert(name.to_string(), bar);
    }

    fn finished(&self, plan: &Plan, report: &Report) {
        {
            let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(bar) = board.running.remove(&report.name) {
                bar.finish_and_clear();
            }
            if let Some(bars) = &self.bars {
                let total =
                    board.total.get_or_insert_with(|| total_bar(bars, plan.order.len() as u64));
                total.inc(1);
            }
        }
        // A cached stage is no news unless it could have run.
        let is_news =
            report.state != State::Cached || report.early_cutoff || report.joined || self.verbose;
        if is_news {
            self.line(&plain::report_line(report, self.verbose, &self.style));
        }
    }

    fn line(&self, text: &str) {
        say(self.bars.as_ref(), text);
    }
}

fn say(bars: Option<&MultiProgress>, text: &str) {
    // The bars know how to make room; a terminal that refuses has gone away.
    let _ = match bars {
        Some(bars) => bars.println(text),
        // In one piece, so that a line is one write.
        None => io::stderr().lock().write_all(format!("{text}\n").as_bytes()),
    };
}

fn total_bar(bars: &MultiProgress, n_stages: u64) -> ProgressBar {
    let bar = bars.add(ProgressBar::new(n_stages));
    let template = "{elapsed:>9}  {bar:30.cyan/dim} {pos} of {len} stages";
    bar.set_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Names are padded to the longest one, so that what stands behind them does not jump; very long ones are not.
fn name_width(plan: &Plan) -> usize {
    const MAX: usize = 28;
    plan.graph.node_weights().map(|i| i.name.chars().count()).max().unwrap_or(0).min(MAX)
}

fn stage_style(counts: bool) -> ProgressStyle {
    let template = match counts {
        true => "{spinner:>9.cyan}  {msg}  {bar:12.cyan/dim} {prefix:.dim}  {elapsed:.dim}",
        false => "{spinner:>9.cyan}  {msg}  {prefix:.dim}  {elapsed:.dim}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Copies a stage's counters to its bar until the bar is taken away.
fn follow(bar: ProgressBar, progress: Progress) {
    thread::spawn(move || {
        let mut counts = false;
        while !bar.is_finished() {
            let (done, total) = progress.read();
            if total > 0 {
                if !std::mem::replace(&mut counts, true) {
                    bar.set_style(stage_style(true));
                }
                bar.set_length(total);
                bar.set_position(done.min(total));
                bar.set_prefix(format!("{} of {}", count(done.min(total)), count(total)));
            } else if done > 0 {
                bar.set_prefix(count(done));
            }
            thread::sleep(Duration::from_millis(100));
        }
    });
}

/// Returns how long a stage took, for people.
pub fn took(report: &Report) -> String {
    duration(report.seconds)
}
