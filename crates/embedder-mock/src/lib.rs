//! A provider of embeddings for tests, examples and workloads: no model, no network beyond this machine,
//! the same text always gets the same vector. It speaks like OpenAI, like both forms of Ollama, and a plain
//! JSON for the source `rest`; it notes every request, and fails the way a test wants.
//!
//! | File | What |
//! |---|---|
//! | `http.rs` | just enough HTTP/1.1: requests in, replies out |
//! | `vectors.rs` | texts → vectors, and the answers that carry them |
//! | `main.rs` | the program `embedder-mock` |
//!
//! ```
//! use embedder_mock::{Mock, Reply};
//!
//! # fn main() -> std::io::Result<()> {
//! let mock = Mock::start(3)?;
//! mock.push([Reply::status(500, "the model is gone")]); // The next request fails, later ones do not.
//! let settings = format!(r#"{{"source": "ollama", "model": "m", "url": "{}"}}"#, mock.url("/api/embed"));
//! // …
//! assert!(mock.requests().is_empty());
//! # let _ = settings;
//! # Ok(())
//! # }
//! ```

mod http;
mod vectors;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

pub use http::{Reply, Request};
pub use vectors::{answer, vector};

/// What answers the requests that no reply was pushed for.
type Handler = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A provider that listens until it is dropped.
pub struct Mock {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    stopped: AtomicBool,
    handler: Handler,
    pushed: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<Request>>,
}

impl Mock {
    /// A provider on a free port that answers with vectors of this length (see [`answer`]).
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(dimensions: usize) -> io::Result<Mock> {
        Mock::with(move |request| answer(request, dimensions))
    }

    /// A provider on a free port that answers as told.
    ///
    /// # Errors
    /// No port can be had.
    pub fn with(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> io::Result<Mock> {
        Mock::listen(SocketAddr::from(([127, 0, 0, 1], 0)), handler)
    }

    /// A provider on a given address that answers as told.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn listen(
        address: SocketAddr,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Mock> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            stopped: AtomicBool::new(false),
            handler: Box::new(handler),
            pushed: Mutex::default(),
            requests: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().spawn(move || {
            for stream in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                // A connection that breaks is the client's business.
                thread::spawn(move || stream.and_then(|stream| serve(&stream, &shared)));
            }
        })?;
        Ok(Mock { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of one of its paths.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers the next requests with these, one each, before the handler is asked again.
    pub fn push(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.shared.pushed).extend(replies);
    }

    /// The requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// The requests so far, which are forgotten.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut *lock(&self.shared.requests))
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts connections.
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers the requests of one connection.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    // Answers come in pieces; waiting to send them together would slow every request down.
    stream.set_nodelay(true)?;
    let mut reader = io::BufReader::new(stream);
    while let Some(request) = http::read(&mut reader)? {
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        lock(&shared.requests).push(request.clone());
        let pushed = lock(&shared.pushed).pop_front();
        let reply = pushed.unwrap_or_else(|| (shared.handler)(&request));
        if !http::write(stream, &reply)? {
            break;
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
