//! The programs that run for stages, each in a process group of its own, and how none outlives us: not after its
//! time, not after a second interrupt, and not when we are killed without a warning. It does not know what they are for.
//!
//! Against the last there is a *guard*: a shell that leads the group, and reads from a pipe which only we hold open.
//! When we are gone, however that came, the pipe ends and the guard kills its group. It is there before the program, so
//! that there is no moment at which we could die and leave the program alone.
//!
//! `PR_SET_PDEATHSIG` was rejected: it reaches only the program itself and not what that started, it is sent when the
//! *thread* that started it ends, other systems have none, and setting it takes unsafe code. What a program moves
//! into a session of its own escapes; that is what sessions are for. Where there is no `sh` there is no guard: whatever is
//! left running can write only into its own folder, which nobody reads any more.

use std::{
    collections::BTreeSet,
    io,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// What the guard does: it is deaf to what asks the program to end, waits for the end of the pipe, and kills its group.
const GUARD: &str = "trap '' HUP INT TERM; read -r _; kill -s KILL 0";

/// The groups that run.
#[derive(Debug)]
struct Running {
    groups: BTreeSet<i32>,
    /// Set once everything is to end: nothing may start any more.
    is_closed: bool,
}

static RUNNING: Mutex<Running> = Mutex::new(Running { groups: BTreeSet::new(), is_closed: false });

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running program with all that it starts.
#[derive(Debug)]
pub(super) struct Group {
    child: Child,
    /// Leads the group and holds the end of the pipe; `None` where it cannot be had, and the program leads.
    guard: Option<Child>,
    leader: Pid,
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
        let mut guard = start_guard().ok();
        let group = guard.as_ref().map_or(0, |guard| number(Pid::from_child(guard)));
        let child = match command.process_group(group).spawn() {
            Ok(child) => child,
            Err(error) => {
                guard.as_mut().map(end_guard);
                return Err(error);
            }
        };
        let leader = Pid::from_child(guard.as_ref().unwrap_or(&child));
        running.groups.insert(number(leader));
        Ok(Group { child, guard, leader })
    }

    /// Tells whether the program ended. Its number stays taken until [`Group::finish`], so that no signal can reach a
    /// stranger.
    ///
    /// # Errors
    /// If it is not our child.
    pub(super) fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?.is_some())
    }

    /// Asks all of the group to end.
    pub(super) fn ask_to_end(&self) {
        // An empty group is no error, here and below.
        let _ = kill_process_group(self.leader, Signal::TERM);
    }

    /// Ends all of the group.
    pub(super) fn kill(&self) {
        let _ = kill_process_group(self.leader, Signal::KILL);
    }

    /// Ends what the program left running, which could still write into its folder, and returns how it ended itself.
    ///
    /// # Errors
    /// If it is not our child.
    pub(super) fn finish(mut self) -> io::Result<ExitStatus> {
        self.kill();
        running().groups.remove(&number(self.leader));
        self.guard.as_mut().map(end_guard);
        self.child.wait()
    }
}

fn start_guard() -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", GUARD, "orchestrate-guard"])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

fn end_guard(guard: &mut Child) {
    // It is our child and was not waited for, so that neither can fail.
    let _ = guard.kill();
    let _ = guard.wait();
}

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}

/// Ends every program that runs for a stage, with all that it started, and lets none start any more.
pub fn end_all() {
    let mut running = running();
    running.is_closed = true;
    for leader in running.groups.iter().filter_map(|group| Pid::from_raw(*group)) {
        let _ = kill_process_group(leader, Signal::KILL);
    }
}
