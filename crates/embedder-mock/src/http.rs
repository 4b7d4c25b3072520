//! Just enough HTTP/1.1: requests in, replies out.

use std::io::{self, BufRead, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `POST`, most of the time.
    pub method: String,
    /// The path with the query, if any.
    pub path: String,
    /// Names in lower case, in the order of the request.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Request {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The values of a header, by its name in lower case.
    pub fn header<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    /// The bytes of the answer that are sent before the connection is closed.
    cut: Option<Cut>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    BeforeStatus,
    InBody(usize),
}

impl Reply {
    /// Status 200 and JSON.
    pub fn json(value: &Value) -> Reply {
        Reply::status(200, &value.to_string()).header("content-type", "application/json")
    }

    /// A status and a body.
    pub fn status(status: u16, body: &str) -> Reply {
        Reply::bytes(status, body.as_bytes())
    }

    /// A status and a body of any bytes.
    pub fn bytes(status: u16, body: &[u8]) -> Reply {
        let (headers, delay) = (Vec::new(), Duration::ZERO);
        Reply { status, headers, body: body.to_vec(), delay, cut: None }
    }

    /// The connection is closed without an answer.
    pub fn hang_up() -> Reply {
        Reply { cut: Some(Cut::BeforeStatus), ..Reply::bytes(200, &[]) }
    }

    /// The connection is closed after this many bytes of the body, which its header says is longer.
    pub fn cut_at(self, bytes: usize) -> Reply {
        Reply { cut: Some(Cut::InBody(bytes)), ..self }
    }

    /// Waits before it answers.
    pub fn delayed(self, delay: Duration) -> Reply {
        Reply { delay, ..self }
    }

    /// One more header.
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// The next request of a connection; `None` when the client is done.
pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let mut word = || words.next().map(str::to_owned).ok_or(io::ErrorKind::InvalidData);
    let (method, path) = (word()?, word()?);
    let mut headers = Vec::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { method, path, headers, body }))
}

/// Sends a reply; whether the connection can be used again.
pub(crate) fn write(mut stream: &TcpStream, reply: &Reply) -> io::Result<bool> {
    thread::sleep(reply.delay);
    if reply.cut == Some(Cut::BeforeStatus) {
        stream.shutdown(Shutdown::Both)?;
        return Ok(false);
    }
    let mut answer = format!("HTTP/1.1 {} Mock\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        write!(answer, "{name}: {value}\r\n")?;
    }
    write!(answer, "content-length: {}\r\n\r\n", reply.body.len())?;
    let sent = match reply.cut {
        Some(Cut::InBody(bytes)) => reply.body.get(..bytes).unwrap_or(&reply.body),
        _ => &reply.body,
    };
    answer.extend_from_slice(sent);
    stream.write_all(&answer)?;
    if reply.cut.is_some() {
        stream.shutdown(Shutdown::Both)?;
    }
    Ok(reply.cut.is_none())
}
