//! Connections: accepted up to a limit, closed when they are slow to ask, finished before the program ends.
//! It does not know what is asked.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, watch},
    time,
};

use crate::app::AppError;

/// How patient a server is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Connections at a time; more wait in the system's queue.
    pub connections: u32,
    /// How long the head of a request may take, and how long a connection may say nothing.
    pub head: Duration,
    /// How long open requests may still take once the program is to end.
    pub grace: Duration,
}

/// Listens at an address.
///
/// # Errors
/// If it is taken, or not this machine's.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| AppError::Usage(format!("cannot listen at {address}: {error}")))
}

/// Resolves once the program is asked to end.
///
/// # Errors
/// If the system does not tell of signals.
pub fn asked_to_end() -> Result<impl Future<Output = ()>, AppError> {
    let failed = |error| AppError::Usage(format!("cannot listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Serves connections until `end` resolves; then open requests are answered, for as long as patience lasts.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    end: impl Future<Output = ()>,
) {
    let open = Arc::new(Semaphore::new(patience.connections as usize));
    let (ending, _) = watch::channel(false);
    tokio::pin!(end);
    loop {
        let place = tokio::select! {
            biased;
            () = &mut end => break,
            place = open.clone().acquire_owned() => place,
        };
        let accepted = tokio::select! {
            biased;
            () = &mut end => break,
            accepted = listener.accept() => accepted,
        };
        let (Ok(place), Ok((stream, _))) = (place, accepted) else {
            // Too many open files, most likely: some will close.
            time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Answers are small and whole; waiting for more to send only makes them late.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let mut ending = ending.subscribe();
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(patience.head)
                // Whoever has said everything may close its side and still be answered.
                .half_close(true)
                .serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            // An error is the client's: it went away, or did not speak HTTP.
            tokio::select! {
                _ = connection.as_mut() => {}
                _ = ending.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(place);
        });
    }
    drop(listener);
    ending.send_replace(true);
    let _ = time::timeout(patience.grace, open.acquire_many(patience.connections)).await;
}
