//! The log: one line of JSON for each request, and for what else happens. It does not wait for whoever reads it: lines that
//! find no room are counted by whoever brought them.

use std::{
    io::Write,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

/// Lines that may wait.
const WAITING: usize = 8192;

/// How long a reader may take for what waits at the end.
const AT_THE_END: Duration = Duration::from_secs(2);

/// Takes lines.
#[derive(Clone)]
pub struct Log(Option<SyncSender<Said>>);

enum Said {
    Line(String),
    /// There is no more; whoever said it waits to hear that all is written.
    End(SyncSender<()>),
}

impl Log {
    /// Makes one that writes to `sink` from a thread of its own; without a sink it takes nothing.
    pub fn new(sink: Option<Box<dyn Write + Send>>) -> Log {
        let Some(sink) = sink else { return Log(None) };
        let (sender, receiver) = sync_channel(WAITING);
        thread::spawn(move || write(&receiver, sink));
        Log(Some(sender))
    }

    /// Returns true if lines are wanted.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Takes a line; returns false if there was no room for it.
    pub fn line(&self, line: String) -> bool {
        self.0.as_ref().is_none_or(|sender| sender.try_send(Said::Line(line)).is_ok())
    }

    /// Waits until all lines are written, but not for long.
    pub fn end(&self) {
        let (written, wait) = sync_channel(1);
        if let Some(sender) = &self.0
            && sender.try_send(Said::End(written)).is_ok()
        {
            let _ = wait.recv_timeout(AT_THE_END);
        }
    }
}

fn write(said: &Receiver<Said>, mut sink: Box<dyn Write + Send>) {
    let mut text = String::new();
    while let Ok(first) = said.recv() {
        text.clear();
        let mut ended = None;
        let mut next = Some(first);
        while let Some(one) = next {
            match one {
                Said::Line(line) => {
                    text.push_str(&line);
                    text.push('\n');
                }
                Said::End(written) => ended = Some(written),
            }
            next = if text.len() < 1 << 16 { said.try_recv().ok() } else { None };
        }
        // A reader that went away must not end the server.
        let _ = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
        if let Some(written) = ended {
            let _ = written.send(());
        }
    }
}
