//! Real nodes of `noxu-rep` 7.11.2 as peers.

use noxu_dbi::EnvironmentImpl;
use noxu_log::LogEntryType;
use noxu_rep::elections::run_election;
use noxu_rep::net::Channel;
use noxu_rep::net::service_dispatcher::connect_to_service;
use noxu_rep::quorum_policy::QuorumPolicy;
use noxu_rep::rep_group::RepGroup;
use noxu_rep::{NodeType, RepConfig, RepNode, ReplicatedEnvironment};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use wirectl_conformance_live::{Recorder, Wirectl};

const ENTRIES: u64 = 5;

/// A node with a log of [`ENTRIES`] commits.
struct Node {
    _folder: TempDir,
    environment: Arc<EnvironmentImpl>,
    node: Arc<ReplicatedEnvironment>,
}

impl Node {
    fn new(name: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let environment = Arc::new(EnvironmentImpl::new(folder.path(), false, true).unwrap());
        let config = RepConfig::builder("group", name, "127.0.0.1")
            .node_port(0)
            .env_home(folder.path().to_path_buf())
            .insecure_no_auth(true)
            .build();
        let node = Arc::new(ReplicatedEnvironment::new(config).unwrap());
        node.with_environment(Arc::clone(&environment));
        let made = Self {
            _folder: folder,
            environment,
            node,
        };
        for vlsn in 1..=ENTRIES {
            made.write(vlsn, &[vlsn as u8; 8]);
        }
        made
    }

    fn write(&self, vlsn: u64, payload: &[u8]) {
        let kind = LogEntryType::TxnCommit;
        let log = self.environment.get_log_manager().unwrap();
        let at = log.log_with_vlsn(kind, payload, vlsn, true, false).unwrap();
        let (file, offset) = (at.file_number(), at.file_offset());
        self.node.register_vlsn_typed(vlsn, file, offset, kind);
        let number = kind as u8;
        self.node
            .replicate_entry(vlsn, file, offset, number, payload.to_vec());
        log.flush_sync().unwrap();
    }

    fn address(&self) -> SocketAddr {
        self.node.bound_addr().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.node.close();
    }
}

fn replay(node: &Node, file: &str, more: &[&str]) -> wirectl_conformance_live::Ran {
    let address = node.address().to_string();
    let base = ["replay", "--json", "--to", &address, "--compare", file];
    Wirectl::run(&[&base[..], more].concat())
}

#[test]
fn an_election_is_recorded_and_replays_with_the_same_votes() {
    let folder = TempDir::new().unwrap();
    let file = {
        let node = Node::new("n2");
        let recorder = Recorder::start(node.address(), &folder.path().join("election.pcapng"));
        let mut group = RepGroup::with_policy("group".into(), 1, QuorumPolicy::SimpleMajority);
        for number in 1..=2 {
            let name = format!("n{number}");
            let kind = NodeType::Electable;
            group.add_node(RepNode::new(name, kind, "127.0.0.1".into(), 5000, number));
        }
        let channel = connect_to_service(recorder.address, "ELECTION").unwrap();
        let channels: Vec<Arc<dyn Channel>> = vec![Arc::new(channel)];
        let winner = run_election(1, "n1", &group, &channels, 100, 1, 1);
        assert_eq!(winner, Some(1));
        drop(channels);
        recorder.end()
    };
    // A node that has not voted yet.
    let ran = replay(&Node::new("n2"), &file, &[]).expect(0);
    assert!(!ran.records.is_empty());
    // One that has promised a later term votes otherwise.
    let node = Node::new("n2");
    replay(&node, &file, &["--set", "term:=9"]).expect(3);
    let ran = replay(&node, &file, &["--timeout", "1s"]).expect(3);
    assert!(ran.stderr.contains("not as recorded") || ran.stderr.contains("different"));
}

#[test]
fn a_syncup_is_recorded_and_replays_with_the_same_entries() {
    let folder = TempDir::new().unwrap();
    let master = Node::new("m");
    let recorder = Recorder::start(master.address(), &folder.path().join("syncup.pcapng"));
    let replica = Node::new("r");
    let decision = replica.node.syncup_with_feeder_at(recorder.address);
    let file = recorder.end();
    let ran = replay(&master, &file, &[]).expect(0);
    assert!(!ran.records.is_empty(), "{decision:?}");
    let protocols: Vec<&Value> = ran.records.iter().map(|one| &one["protocol"]).collect();
    assert!(
        protocols.iter().all(|one| *one == "noxu.syncup"),
        "{protocols:?}"
    );
}

#[test]
fn a_feed_is_recorded_and_replays_with_the_same_entries() {
    let folder = TempDir::new().unwrap();
    let node = Node::new("m");
    let recorder = Recorder::start(node.address(), &folder.path().join("feeder.pcapng"));
    {
        let channel = connect_to_service(recorder.address, "PEER_FEEDER").unwrap();
        channel.send(&1_u64.to_le_bytes()).unwrap();
        let answer = channel.receive(Duration::from_secs(10)).unwrap().unwrap();
        assert_eq!(answer[..1], [0]);
        for _ in 0..ENTRIES {
            let entry = channel.receive(Duration::from_secs(10)).unwrap().unwrap();
            channel.send(&entry[..8]).unwrap();
        }
        channel.close().unwrap();
    }
    let file = recorder.end();
    let ran = replay(&Node::new("m"), &file, &["--timeout", "10s"]).expect(0);
    let entries = ran
        .records
        .iter()
        .filter(|one| one["body"]["vlsn"].is_u64());
    assert_eq!(entries.count() as u64, ENTRIES);
}

#[test]
fn a_nodes_stream_is_followed_and_acknowledged() {
    let node = Node::new("m");
    let url = format!("tcp://{}", node.address());
    let mut tail = Wirectl::start(&["tail", "--json", &url, "--as", "noxu-feeder", "--from", "2"]);
    let mut next = || loop {
        let record = tail.record();
        if record["direction"] == "s2c"
            && let Some(vlsn) = record["body"]["vlsn"].as_u64()
        {
            return vlsn;
        }
    };
    for vlsn in 2..=ENTRIES {
        assert_eq!(next(), vlsn);
    }
    // What is written now comes, too.
    for vlsn in ENTRIES + 1..ENTRIES + 4 {
        node.write(vlsn, b"new");
        assert_eq!(next(), vlsn);
    }
    let ran = tail.interrupt();
    assert!(matches!(ran.status, 0 | 1), "{}", ran.stderr);
    let acknowledged = ran.records.iter().filter(|one| one["direction"] == "c2s");
    assert!(acknowledged.count() as u64 >= ENTRIES + 2);
}

#[test]
fn what_a_node_cannot_serve_is_said() {
    let node = Node::new("m");
    let url = format!("tcp://{}", node.address());
    let ran = Wirectl::run(&[
        "tail",
        "--json",
        &url,
        "--as",
        "noxu-feeder",
        "--from",
        "999",
    ]);
    let types = ran.types().join(" ");
    assert!(ran.records.len() >= 2, "{types} {}", ran.stderr);
}
