//! Requests, and tasks to their end.

use std::time::{Duration, Instant};

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use ureq::Agent;
use ureq::http::Request;

use crate::error::{Error, Result};

/// A client that keeps its connection open.
pub(crate) struct Client {
    agent: Agent,
    url: String,
}

/// A task that succeeded.
pub(crate) struct FinishedTask {
    /// From `startedAt` to `finishedAt`, seconds.
    pub(crate) task_seconds: f64,
    /// From the request to the answer that tells of the end, seconds.
    pub(crate) wall_seconds: f64,
    /// The task as the server shows it.
    pub(crate) task: Value,
}

impl Client {
    pub(crate) fn new(url: String) -> Client {
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Client { agent, url }
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.send("GET", path, "", &[])
    }

    /// One request; anything but a success is an error.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<Value> {
        let failed =
            |reason: String| Error::Request { request: format!("{method} {path}"), reason };
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !content_type.is_empty() {
            request = request.header("Content-Type", content_type);
        }
        let sent = match body {
            [] => request.body(()).map_err(|e| failed(e.to_string())).map(|r| self.agent.run(r)),
            body => {
                request.body(body).map_err(|e| failed(e.to_string())).map(|r| self.agent.run(r))
            }
        };
        let mut answer = sent?.map_err(|e| failed(e.to_string()))?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(u64::MAX)
            .read_to_string()
            .map_err(|e| failed(e.to_string()))?;
        if !answer.status().is_success() {
            return Err(failed(format!("{} {text}", answer.status())));
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|e| failed(format!("no JSON in the answer: {e}")))
    }

    /// Sends a request that makes a task, and waits until that has succeeded.
    pub(crate) fn task(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<FinishedTask> {
        let start = Instant::now();
        let summary = self.send(method, path, content_type, body)?;
        let failed =
            |reason: String| Error::Request { request: format!("{method} {path}"), reason };
        let uid =
            summary["taskUid"].as_u64().ok_or_else(|| failed(format!("no task: {summary}")))?;
        loop {
            let task = self.get(&format!("/tasks/{uid}"))?;
            match task["status"].as_str() {
                Some("enqueued" | "processing") => std::thread::sleep(Duration::from_millis(5)),
                Some("succeeded") => {
                    let wall_seconds = start.elapsed().as_secs_f64();
                    let task_seconds = task_seconds(&task)
                        .ok_or_else(|| failed(format!("the task has no dates: {task}")))?;
                    return Ok(FinishedTask { task_seconds, wall_seconds, task });
                }
                _ => return Err(failed(format!("the task ended otherwise: {task}"))),
            }
        }
    }

    pub(crate) fn json_task(&self, method: &str, path: &str, body: &Value) -> Result<FinishedTask> {
        self.task(method, path, "application/json", body.to_string().as_bytes())
    }
}

fn task_seconds(task: &Value) -> Option<f64> {
    let date = |name: &str| OffsetDateTime::parse(task[name].as_str()?, &Rfc3339).ok();
    Some((date("finishedAt")? - date("startedAt")?).as_seconds_f64())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_lasts_from_its_start_to_its_end() {
        let task =
            json!({"startedAt": "2026-01-01T00:00:00.25Z", "finishedAt": "2026-01-01T00:01:01Z"});
        assert_eq!(task_seconds(&task), Some(60.75));
        assert_eq!(task_seconds(&json!({"startedAt": null})), None);
    }

    /// Answers the requests of one connection in order and gives what came.
    fn fake_server(
        answers: Vec<(&'static str, Value)>,
    ) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut seen = Vec::new();
            for (status, answer) in answers {
                let (mut first, mut length) = (String::new(), 0);
                stream.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        break;
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let body = String::from_utf8(body).unwrap();
                seen.push(format!("{} {body}", first.trim_end()));
                let text = answer.to_string();
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", text.len());
                stream.get_mut().write_all(format!("{head}{text}").as_bytes()).unwrap();
            }
            seen
        });
        (url, thread)
    }

    #[test]
    fn a_task_is_followed_to_its_end() {
        let done = json!({"status": "succeeded",
            "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:02Z"});
        let (url, server) = fake_server(vec![
            ("202 Accepted", json!({"taskUid": 7})),
            ("200 OK", json!({"status": "processing"})),
            ("200 OK", done),
            ("404 Not Found", json!({"code": "index_not_found"})),
        ]);
        let client = Client::new(url);
        let task = client.json_task("POST", "/x", &json!([1])).unwrap();
        assert_eq!(task.task_seconds, 2.0);
        let error = client.get("/y").unwrap_err().to_string();
        assert!(error.contains("GET /y: 404") && error.contains("index_not_found"), "{error}");
        assert_eq!(
            server.join().unwrap(),
            [
                "POST /x HTTP/1.1 [1]",
                "GET /tasks/7 HTTP/1.1 ",
                "GET /tasks/7 HTTP/1.1 ",
                "GET /y HTTP/1.1 "
            ]
        );
    }
}
