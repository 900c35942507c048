//! `ui`: a page on this machine that shows pipelines, their state, artifacts and runs, and moves while a run goes on.
//! It only reads. It does not know the command line.

mod artifact;
mod asked;
mod board;
mod compare;
mod drawing;
mod events;
mod panel;
mod routes;
mod runs;
mod scene;
mod shell;
mod site;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use self::site::Site;
use crate::{
    app::{AppError, Project},
    base::pool::Pool,
    server::listen::{self, Lanes, Patience},
};

/// What a person asked for.
pub struct UiOptions {
    /// The project that is shown.
    pub project: Project,
    /// The port on the loopback address; 0 takes a free one.
    pub port: u16,
    /// Threads for what is computed.
    pub pool: Pool,
}

/// A person looks with one browser or two; a stream of events takes a connection.
const PATIENCE: Patience = Patience {
    connections: 256,
    head: Duration::from_secs(30),
    // A stream of events does not end by itself.
    grace: Duration::from_millis(300),
};

/// Serves the page until the program is asked to end; `listening` hears the address once it can be opened.
///
/// # Errors
/// If the address cannot be listened at.
pub fn serve(options: UiOptions, listening: impl FnOnce(SocketAddr)) -> Result<(), AppError> {
    let UiOptions { project, port, pool } = options;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(pool.n_threads().min(2))
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .map_err(|error| AppError::Usage(format!("cannot start threads: {error}")))?;
    runtime.block_on(async {
        let end = listen::asked_to_end()?;
        let listener = listen::bind(SocketAddr::from(([127, 0, 0, 1], port)))
            .await
            .map_err(|error| AppError::Usage(format!("{error}; `--port 0` takes a free port")))?;
        let own = listener
            .local_addr()
            .map_err(|error| AppError::Usage(format!("cannot tell the own address: {error}")))?;
        let site = Arc::new(Site::new(project, pool, own.port()));
        listening(own);
        listen::serve(listener, routes::router(site), PATIENCE, Lanes::here(), end).await;
        Ok(())
    })
}
