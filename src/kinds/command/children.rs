//! The programs that run for stages, each in a process group of its own, and how none outlives us: not after its
//! time, not after a second interrupt, and not when we are killed without a warning. It does not know what they are for.
//!
//! Against the last there is a *guard*: a shell that reads from a pipe which only we hold open. When we are gone,
//! however that came, the pipe ends and the guard kills every group that it was told of and not told to forget.
//! `PR_SET_PDEATHSIG` was rejected: it reaches only the program itself and not what that started, it is sent when
//! the *thread* that started it ends, there is none on other systems, and setting it takes unsafe code. What a
//! program moves into a session of its own escapes; that is what sessions are for. Where there is no `sh`, there
//! is no guard: whatever is left running can write only into its own folder, which nobody reads any more.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// What the guard does. Groups come as `+ 123` and go as `- 123`.
const GUARD: &str = r#"
trap '' HUP INT TERM
all=
while read -r op group; do
    case $op in
    +) all="$all $group" ;;
    -)
        left=
        for g in $all; do [ "$g" = "$group" ] || left="$left $g"; done
        all=$left
        ;;
    esac
done
for g in $all; do kill -s KILL -- "-$g" 2>/dev/null; done
"#;

#[derive(Debug)]
struct Running {
    groups: BTreeSet<i32>,
    /// Set once everything is to end: nothing may start any more.
    is_closed: bool,
    /// `None` before the first program, and where no guard can be had.
    guard: Option<ChildStdin>,
}

static RUNNING: Mutex<Running> =
    Mutex::new(Running { groups: BTreeSet::new(), is_closed: false, guard: None });

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Running {
    fn tell_guard(&mut self, op: char, group: i32) {
        if self.guard.is_none() {
            self.guard = start_guard().ok();
        }
        if let Some(pipe) = &mut self.guard {
            // A guard that somebody killed is missed only if we are killed too.
            let _ = writeln!(pipe, "{op} {group}");
        }
    }
}

fn start_guard() -> io::Result<ChildStdin> {
    let mut guard = Command::new("sh")
        .args(["-c", GUARD, "orchestrate-guard"])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    guard.stdin.take().ok_or_else(|| io::Error::other("no pipe"))
}

/// A running program with all that it starts.
#[derive(Debug)]
pub(super) struct Group {
    child: Child,
    pid: Pid,
}

impl Group {
    /// Starts a program in a group of its own.
    ///
    /// # Errors
    /// If it cannot be started, or everything is to end.
    pub(super) fn start(command: &mut Command) -> io::Result<Group> {
        let mut running = running();
        if running.is_closed {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        let child = command.process_group(0).spawn()?;
        let pid = Pid::from_child(&child);
        running.groups.insert(pid.as_raw_nonzero().get());
        running.tell_guard('+', pid.as_raw_nonzero().get());
        Ok(Group { child, pid })
    }

    /// Tells whether the program ended. Its number stays taken until [`Group::finish`], so that no signal to the
    /// group can reach a stranger.
    ///
    /// # Errors
    /// If it is not our child.
    pub(super) fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.pid), options)?.is_some())
    }

    /// Asks all of the group to end.
    pub(super) fn ask_to_end(&self) {
        // An empty group is no error, here and below.
        let _ = kill_process_group(self.pid, Signal::TERM);
    }

    /// Ends all of the group.
    pub(super) fn kill(&self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
    }

    /// Ends what the program left running, which could still write into its folder, and returns how it ended itself.
    ///
    /// # Errors
    /// If it is not our child.
    pub(super) fn finish(mut self) -> io::Result<ExitStatus> {
        self.kill();
        let group = self.pid.as_raw_nonzero().get();
        let mut running = running();
        running.groups.remove(&group);
        running.tell_guard('-', group);
        drop(running);
        self.child.wait()
    }
}

/// Ends every program that runs for a stage, with all that it started, and lets none start any more.
pub fn end_all() {
    let mut running = running();
    running.is_closed = true;
    for group in &running.groups {
        if let Some(pid) = Pid::from_raw(*group) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}
