//! What all requests share: the project, who may ask, how many streams are open. It does not know pages.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    app::{AppError, Project},
    base::pool::Pool,
};

/// Most streams of events at a time.
const MOST_STREAMS: usize = 64;

/// What is served.
pub struct Site {
    /// The project.
    pub project: Project,
    /// Threads for what is computed.
    pub pool: Pool,
    /// What `Host` may say.
    hosts: [String; 3],
    streams: AtomicUsize,
}

impl Site {
    /// Makes the site that is asked at a port.
    pub fn new(project: Project, pool: Pool, port: u16) -> Site {
        let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}"));
        Site { project, pool, hosts, streams: AtomicUsize::new(0) }
    }

    /// Tells whether a request that names this host means this site: a page of somebody else's, whose name was led to this
    /// machine, does not.
    pub fn is_own(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    /// Takes a place for a stream of events; `false` if all are taken. Each one taken is to be left.
    pub fn take_stream(&self) -> bool {
        let room = |n: usize| (n < MOST_STREAMS).then_some(n + 1);
        self.streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).is_ok()
    }

    /// Leaves the place of a stream.
    pub fn leave_stream(&self) {
        self.streams.fetch_sub(1, Ordering::AcqRel);
    }

    /// Returns the project's name: that of its folder.
    pub fn name(&self) -> String {
        let name = self.project.root().file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Returns the pipeline that is meant: the one of that name, or if none is named the default one, else the first.
    /// Elsewhere a path may stand for a pipeline; here only what is in the project is shown.
    ///
    /// # Errors
    /// If it does not exist.
    pub fn pipeline(&self, name: Option<&str>) -> Result<String, AppError> {
        let known = self.project.pipelines();
        if let Some(name) = name {
            let found = known.into_iter().find(|known| known == name);
            return found.ok_or_else(|| {
                AppError::Usage(format!("there is no `pipelines/{name}.yaml` in this project"))
            });
        }
        let default = self.project.pipeline(None).ok().and_then(|file| {
            let inside = file.label.strip_prefix("pipelines/")?;
            Some(Path::new(inside).with_extension("").to_string_lossy().into_owned())
        });
        default.or_else(|| known.into_iter().next()).ok_or_else(|| {
            AppError::Usage("there is no `pipelines/*.yaml`; `orchestrate init` makes one".into())
        })
    }
}
