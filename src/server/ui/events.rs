//! The stream that tells an open page how its pipeline stands, whenever that changes. It does not know the page.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde_json::json;
use tokio::{sync::mpsc, task, time};

use super::{asked::Asked, board, drawing, scene::Scene, site::Site};
use crate::app::AppError;

/// How often the news of executions that go on are read.
const PACE: Duration = Duration::from_millis(200);
/// How often it is looked whether anything else has changed, if that is quick.
const SURVEY_PACE: Duration = Duration::from_secs(1);
/// A survey may take this part of the time at the most.
const SURVEY_PART: u32 = 20;
/// A line that says nothing keeps the connection known to be alive, and tells when it is not.
const BEAT: Duration = Duration::from_secs(15);

/// A body that is written as it comes.
pub struct Stream(mpsc::Receiver<Bytes>);

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Stream>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Starts a stream; `None` if there are too many.
pub fn stream(site: Arc<Site>, asked: Asked) -> Option<Stream> {
    if !site.take_stream() {
        return None;
    }
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        tell(&site, &asked, &sender).await;
        site.leave_stream();
    });
    Some(Stream(receiver))
}

/// Tells until nobody listens.
async fn tell(site: &Arc<Site>, asked: &Asked, sender: &mpsc::Sender<Bytes>) {
    let mut watch = Watch::new(asked);
    let mut beat = Instant::now();
    loop {
        let site = site.clone();
        let looked = task::spawn_blocking(move || {
            let said = watch.look(&site);
            (watch, said)
        });
        // A panic there ends the stream; the page goes on without.
        let Ok((then, said)) = looked.await else { return };
        watch = then;
        let text = match said {
            Some(said) => format!("data: {said}\n\n"),
            None if beat.elapsed() >= BEAT => ":\n\n".to_string(),
            None => String::new(),
        };
        if !text.is_empty() {
            beat = Instant::now();
            if sender.send(Bytes::from(text)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = time::sleep(PACE) => {}
            () = sender.closed() => return,
        }
    }
}

/// What was seen last.
struct Watch {
    pipeline: Option<String>,
    open: BTreeSet<String>,
    scene: Option<Scene>,
    /// When to survey again.
    due: Instant,
    said: String,
}

impl Watch {
    fn new(asked: &Asked) -> Watch {
        Watch {
            pipeline: asked.get("pipeline").map(str::to_string),
            open: board::open(asked),
            scene: None,
            due: Instant::now(),
            said: String::new(),
        }
    }

    /// Looks at the pipeline and returns what is new, if anything is.
    fn look(&mut self, site: &Site) -> Option<String> {
        let said = match self.see(site) {
            Ok(Some(said)) => said,
            Ok(None) => return None,
            // A pipeline that is edited is broken at times; the page shows that when it is loaded again.
            Err(error) => json!({ "error": error.to_string() }).to_string(),
        };
        let is_new = said != self.said;
        self.said.clone_from(&said);
        is_new.then_some(said)
    }

    fn see(&mut self, site: &Site) -> Result<Option<String>, AppError> {
        let heard = match &mut self.scene {
            Some(scene) => {
                let n_before = scene.going.len();
                let heard = scene.hear(site)?;
                if scene.going.len() != n_before {
                    // A run began or ended.
                    self.due = Instant::now();
                }
                heard
            }
            None => true,
        };
        let now = Instant::now();
        if now < self.due {
            return Ok(heard.then(|| self.scene.as_ref().map(|scene| self.words(scene))).flatten());
        }
        let name = site.pipeline(self.pipeline.as_deref())?;
        self.due = now + SURVEY_PACE;
        let scene = Scene::of(site, &name)?;
        self.due = Instant::now() + SURVEY_PACE.max(now.elapsed() * SURVEY_PART);
        let words = self.words(&scene);
        self.scene = Some(scene);
        Ok(Some(words))
    }

    fn words(&self, scene: &Scene) -> String {
        let graph = scene.graph(&self.open);
        let nodes = graph.nodes.iter().map(|node| {
            let share = scene.share(&node.name);
            json!({
                "name": node.name, "state": node.light().word(), "share": share,
                "text": drawing::text(node, share),
            })
        });
        let nodes: Vec<_> = nodes.collect();
        json!({
            "nodes": nodes, "summary": board::summary(scene, &graph), "going": !scene.going.is_empty(),
        })
        .to_string()
    }
}
