//! A receiver that does not answer: batches go on, their order is kept, the queue has an end.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};

use flate2::read::GzDecoder;
use meilisearch_types::outgoing::AllowedNetwork;

use super::*;
use crate::WebhookOptions;
use crate::testing::TestScheduler;

/// A webhook that takes requests only when the test does.
struct Receiver(TcpListener);

impl Receiver {
    fn new() -> Receiver {
        Receiver(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn webhook(&self) -> Webhook {
        let url = format!("http://{}/", self.0.local_addr().unwrap());
        Webhook { url, headers: BTreeMap::new() }
    }

    /// The next request, without an answer, and the uids of the tasks in it.
    fn accept(&self) -> (TcpStream, Vec<u64>) {
        let mut connection = BufReader::new(self.0.accept().unwrap().0);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            connection.read_line(&mut head).unwrap();
        }
        let head = head.to_lowercase();
        let (_, length) = head.split_once("content-length: ").unwrap();
        let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
        connection.read_exact(&mut body).unwrap();
        let mut lines = String::new();
        GzDecoder::new(&body[..]).read_to_string(&mut lines).unwrap();
        let tasks = lines.lines().map(|line| serde_json::from_str(line).unwrap());
        let uids = tasks.map(|task: serde_json::Value| task["uid"].as_u64().unwrap()).collect();
        (connection.into_inner(), uids)
    }

    /// Whether nobody else tries to connect.
    fn is_left_alone(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let is_left_alone = self.0.accept().is_err();
        self.0.set_nonblocking(false).unwrap();
        is_left_alone
    }
}

fn answer(mut connection: TcpStream) {
    connection
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .unwrap();
}

fn any() -> Policy {
    Policy::new(&[AllowedNetwork::Any])
}

#[test]
fn batches_do_not_wait_for_a_slow_receiver_and_arrive_in_order() {
    let receiver = Receiver::new();
    let scheduler = TestScheduler::with(|options| {
        options.webhooks = WebhookOptions { fixed: Some(receiver.webhook()), policy: any() };
    });
    scheduler.create("first");
    scheduler.run_all();
    let (held, uids) = receiver.accept();
    assert_eq!(uids, [0]);
    for name in ["second", "third", "fourth"] {
        scheduler.create(name);
        scheduler.run_all();
    }
    assert!(receiver.is_left_alone(), "a second delivery beside the first");
    answer(held);
    for uid in 1..4 {
        let (connection, uids) = receiver.accept();
        assert_eq!(uids, [uid]);
        answer(connection);
    }
}

#[test]
fn what_finds_the_queue_full_is_dropped_and_the_rest_arrives() {
    let receiver = Receiver::new();
    let deliveries = Deliveries::start(any()).unwrap();
    let scheduler = TestScheduler::new();
    let uid = scheduler.create("films");
    let push = |uid: u32| {
        let mut task = scheduler.task(0).unwrap();
        task.uid = uid;
        let webhooks = BTreeMap::from([(Uuid::nil(), receiver.webhook())]);
        deliveries.push(Delivery { webhooks, tasks: vec![TaskView::from(&task)] })
    };
    push(uid).unwrap();
    let (held, _) = receiver.accept();
    let waiting = u32::try_from(MAX_WAITING).unwrap();
    for uid in 1..=waiting {
        push(uid).unwrap();
    }
    assert!(matches!(push(waiting + 1), Err(Dropped::QueueFull)));
    answer(held);
    let (connection, uids) = receiver.accept();
    assert_eq!(uids, [1]);
    // Its place in the queue is free again.
    push(waiting + 2).unwrap();
    answer(connection);
    let expected = (2..=waiting).chain([waiting + 2]);
    for uid in expected {
        let (connection, uids) = receiver.accept();
        assert_eq!(uids, [u64::from(uid)]);
        answer(connection);
    }
}
