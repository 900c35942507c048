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
    net::{TcpListener, TcpStream},
    runtime::{self, Handle},
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, oneshot, watch},
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

/// Threads that serve connections, each those that it was given: nothing passes between threads for a request, which costs
/// more than to answer it.
pub struct Lanes {
    handles: Vec<Handle>,
    next: usize,
    _ends: Vec<oneshot::Sender<()>>,
}

impl Lanes {
    /// Starts so many threads, which end when this is dropped.
    ///
    /// # Errors
    /// If the system has no threads to give.
    pub fn start(n: usize) -> std::io::Result<Lanes> {
        let mut lanes = Lanes { handles: Vec::new(), next: 0, _ends: Vec::new() };
        for _ in 0..n {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            let (sender, ended) = oneshot::channel::<()>();
            lanes.handles.push(runtime.handle().clone());
            lanes._ends.push(sender);
            let run = move || _ = runtime.block_on(ended);
            std::thread::Builder::new().name("serve".to_string()).spawn(run)?;
        }
        Ok(lanes)
    }

    /// Serves connections on the runtime that this is called in.
    pub fn here() -> Lanes {
        Lanes { handles: vec![Handle::current()], next: 0, _ends: Vec::new() }
    }

    fn next(&mut self) -> Option<&Handle> {
        self.next = (self.next + 1) % self.handles.len().max(1);
        self.handles.get(self.next)
    }
}

/// Serves connections until `end` resolves; then open requests are answered, for as long as patience lasts.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    mut lanes: Lanes,
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
        let (Some(lane), Ok(stream)) = (lanes.next(), stream.into_std()) else { continue };
        lane.spawn(async move {
            // From here on the lane's own thread hears of the connection.
            let Ok(stream) = TcpStream::from_std(stream) else { return };
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
