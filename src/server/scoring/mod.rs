//! `serve`: a run's way from raw rows to segments, loaded once and asked over HTTP by several protocols.
//! It does not know the command line.

mod asked;
mod cell;
mod columns;
mod drift;
mod inference;
mod loaded;
pub mod log;
mod metrics;
mod mlflow;
mod native;
mod openapi;
mod page;
mod problem;
mod routes;
mod service;
mod tensors;

use std::{net::SocketAddr, sync::Arc};

use self::service::Service;
pub use self::{
    log::Log,
    service::{Limits, Source},
};
use crate::{
    app::AppError,
    server::listen::{self, Lanes, Patience},
    stage::work::Work,
};

/// What a person asked for.
pub struct ServeOptions {
    /// Which run answers.
    pub source: Source,
    /// Where to listen.
    pub address: SocketAddr,
    /// The token that requests must bring.
    pub token: Option<String>,
    /// How much is let in.
    pub limits: Limits,
    /// How patient the server is.
    pub patience: Patience,
    /// Who is told of requests.
    pub log: Log,
}

/// Serves until the program is asked to end. `listening` hears the address once requests are answered, and the run.
///
/// # Errors
/// If the run cannot be served, or the address cannot be listened at.
pub fn serve(
    options: ServeOptions,
    work: Work,
    listening: impl FnOnce(SocketAddr, &str),
) -> Result<(), AppError> {
    let ServeOptions { source, address, token, limits, patience, log } = options;
    let n_threads = work.pool.n_threads();
    let service = Arc::new(Service::new(source, work, limits, token.as_deref(), log)?);
    let failed = |error| AppError::Usage(format!("cannot start threads: {error}"));
    let lanes = Lanes::start(n_threads).map_err(failed)?;
    // This thread accepts connections, and looks whether another run is meant.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let end = listen::asked_to_end()?;
        let listener = listen::bind(address).await?;
        let own = listener.local_addr().unwrap_or(address);
        let run = service.current().run.clone();
        service.tell("listening", &run, None);
        listening(own, &run);
        let following = tokio::spawn(service.clone().follow());
        listen::serve(listener, routes::router(service.clone()), patience, lanes, end).await;
        following.abort();
        service.tell("ended", &service.current().run, None);
        service.log.end();
        Ok(())
    })
}
