//! The command as scripts see it: what it prints where, and how it ends.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("captures")
        .join(name)
}

fn wscope(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wscope"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn lines(output: &Output) -> Vec<serde_json::Value> {
    text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn without_a_terminal_a_capture_is_printed() {
    let bare = wscope(&["captures/tour.pcapng"]);
    let print = wscope(&["print", "captures/tour.pcapng"]);
    assert_eq!(bare.status.code(), Some(0));
    assert_eq!(text(&bare.stdout), text(&print.stdout));
    assert!(text(&bare.stdout).contains("\"get it\""));
    assert_eq!(text(&bare.stderr), "");
}

#[test]
fn every_json_line_has_the_keys_of_the_contract() {
    let output = wscope(&["print", "--json", "captures/tour.pcapng"]);
    let lines = lines(&output);
    assert!(lines.len() > 20);
    for line in &lines {
        for key in ["event", "id", "time", "client", "server"] {
            assert!(line[key].is_string(), "{key} in {line}");
        }
        for key in ["packet", "conn"] {
            assert!(line[key].is_u64(), "{key} in {line}");
        }
    }
    let pushed = lines
        .iter()
        .find(|line| line["event"] == "ws.message")
        .unwrap();
    assert_eq!(pushed["text"], "get it");
    assert_eq!(pushed["dir"], "s2c");
    assert_eq!(pushed["kind"], "text");
    assert_eq!(pushed["frames"], 1);
}

#[test]
fn only_the_events_that_were_asked_for() {
    let kinds = |events: &str| {
        let output = wscope(&[
            "print",
            "--json",
            "--events",
            events,
            "captures/tour.pcapng",
        ]);
        let mut kinds: Vec<_> = lines(&output)
            .iter()
            .map(|line| line["event"].as_str().unwrap().to_owned())
            .collect();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds("ws.message"), ["ws.message"]);
    assert!(kinds("ws").iter().all(|kind| kind.starts_with("ws.")));
    assert_eq!(kinds("tcp.open,ws.close"), ["tcp.open", "ws.close"]);
    assert!(kinds("finding").is_empty());

    let wrong = wscope(&["print", "--events", "w", "captures/tour.pcapng"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("no event is called \"w\""),
        "{}",
        text(&wrong.stderr)
    );
}

#[test]
fn statistics_end_with_totals() {
    let output = wscope(&["stats", "--json", "--checksum", "captures/tour.pcapng"]);
    let lines = lines(&output);
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["connection", "session", "totals"]);
    let totals = &lines[2];
    assert_eq!(totals["messages"], 5);
    assert_eq!(totals["c2s"]["text"], 2);
    assert_eq!(totals["xxh64_sum"].as_str().unwrap().len(), 16);

    let only = wscope(&["stats", "--json", "--totals", "captures/tour.pcapng"]);
    assert_eq!(text(&only.stdout).lines().count(), 1);
}

#[test]
fn what_cannot_be_read_is_said_with_its_cause_and_nothing_before_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(capture("tour.pcapng")).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        wscope(&["print", path.to_str().unwrap()])
    };
    let cut = file("cut.pcapng", &whole[..whole.len() - 1000]);
    assert_eq!(cut.status.code(), Some(2));
    assert!(text(&cut.stdout).contains("\"get it\""));
    assert!(
        text(&cut.stderr).contains("cut.pcapng: at byte "),
        "{}",
        text(&cut.stderr)
    );

    let cases: [(&str, &[u8], &str); 3] = [
        ("empty", b"", "the file is empty"),
        (
            "foreign",
            b"{\"log\": {}}\n",
            "not a pcap or pcapng capture",
        ),
        ("garbage", &[7; 5000], "not a pcap or pcapng capture"),
    ];
    for (name, bytes, cause) in cases {
        let output = file(name, bytes);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(
            text(&output.stderr).contains(cause),
            "{name}: {}",
            text(&output.stderr)
        );
        assert_eq!(text(&output.stdout), "", "{name}");
    }
    let absent = wscope(&["print", "no/such/file.pcap"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(text(&absent.stderr).contains("no/such/file.pcap: cannot open"));
}

#[test]
fn standard_input_and_several_files_are_captures_too() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wscope"))
        .args(["stats", "--totals", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes = std::fs::read(capture("tour.pcapng")).unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let totals = &lines(&child.wait_with_output().unwrap())[0];
    assert_eq!(
        (&totals["packets"], &totals["messages"]),
        (&27.into(), &5.into())
    );

    let twice = wscope(&[
        "stats",
        "--totals",
        "--json",
        "captures/tour.pcapng",
        "captures/ipv6.pcap",
    ]);
    assert_eq!(lines(&twice)[0]["tcp_conns"], 2);
}

#[test]
fn a_capture_filter_keeps_the_numbers() {
    let output = wscope(&[
        "print",
        "--json",
        "-f",
        "tcp port 9061",
        "captures/midstream.pcapng",
    ]);
    if cfg!(feature = "live") {
        let conns: std::collections::BTreeSet<_> = lines(&output)
            .iter()
            .map(|line| line["server"].to_string())
            .collect();
        assert_eq!(conns, ["\"127.0.0.1:9061\"".to_owned()].into());
        assert!(lines(&output)[0]["packet"].as_u64().unwrap() > 1);
        let wrong = wscope(&["print", "-f", "tcp prot", "captures/tour.pcapng"]);
        assert_eq!(wrong.status.code(), Some(2));
        assert!(text(&wrong.stderr).contains("capture filter \"tcp prot\""));
    } else {
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("--features live"));
    }
}

#[test]
fn check_finds_errors_and_says_so_with_its_exit_code() {
    let broken = wscope(&["check", "captures/violations.pcapng"]);
    assert_eq!(broken.status.code(), Some(1));
    insta::assert_snapshot!(text(&broken.stdout));

    let fine = wscope(&["check", "captures/tour.pcapng"]);
    assert_eq!(fine.status.code(), Some(0));
    assert_eq!(
        text(&fine.stdout),
        "1 session: 0 errors, 0 warnings, 0 notes\n"
    );
    let warned = wscope(&["check", "captures/killed.pcapng"]);
    assert_eq!(warned.status.code(), Some(0), "a warning is no error");

    let absent = wscope(&["check", "no/such/file.pcap"]);
    assert_eq!(absent.status.code(), Some(2));
}

#[test]
fn check_tells_all_when_asked() {
    let all = |name: &str| text(&wscope(&["check", "-v", name]).stdout);
    insta::assert_snapshot!(all("captures/closes.pcapng"));
    insta::assert_snapshot!(all("captures/reset.pcapng"));
    insta::assert_snapshot!(all("captures/refused.pcapng"));
}

#[test]
fn check_as_json_is_the_findings_of_print() {
    let check = wscope(&["check", "--format", "json", "captures/violations.pcapng"]);
    let print = wscope(&[
        "print",
        "--json",
        "--events",
        "finding,ws.close",
        "captures/violations.pcapng",
    ]);
    assert_eq!(check.status.code(), Some(1));
    assert_eq!(text(&check.stdout), text(&print.stdout));
    let lines = lines(&check);
    let finding = lines
        .iter()
        .find(|line| line["event"] == "finding")
        .unwrap();
    for key in [
        "rule", "severity", "verdict", "side", "section", "text", "about",
    ] {
        assert!(finding[key].is_string(), "{key} in {finding}");
    }
}

#[test]
fn a_port_can_be_taken_for_a_protocol() {
    let sessions = |args: &[&str]| {
        let output = wscope(&[&["stats", "--totals", "--json"], args].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        lines(&output)[0]["ws_conns"].as_u64().unwrap()
    };
    assert_eq!(sessions(&["captures/midstream.pcapng"]), 2);
    assert_eq!(
        sessions(&["--decode-as", "9060=nothing", "captures/midstream.pcapng"]),
        1
    );
    let wrong = wscope(&[
        "stats",
        "--decode-as",
        "9060=tls",
        "captures/midstream.pcapng",
    ]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("none of websocket, http, nothing"));
}

#[test]
fn a_limit_that_is_reached_is_said() {
    let output = wscope(&["print", "--max-connections", "1", "captures/twelve.pcapng"]);
    assert!(text(&output.stdout).contains("more connections are open than may be remembered"));
    let output = wscope(&["print", "--max-message", "100", "captures/plain.pcapng"]);
    assert!(text(&output.stdout).contains("longer than may be joined"));
}

#[test]
fn check_speaks_to_other_tools() {
    for format in ["junit", "sarif"] {
        let found = wscope(&["check", "--format", format, "captures/closes.pcapng"]);
        assert_eq!(found.status.code(), Some(0));
        let said = text(&found.stdout);
        // The table of rules is long, and has a snapshot of its own.
        let short: Vec<_> = said
            .lines()
            .filter(|line| !line.contains("shortDescription"))
            .collect();
        insta::assert_snapshot!(format, short.join("\n"));
    }
    let sarif = wscope(&["check", "--format", "sarif", "captures/reset.pcapng"]);
    let sarif: serde_json::Value = serde_json::from_slice(&sarif.stdout).unwrap();
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.iter().any(|result| result["kind"] == "open"));
    for result in results {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert_eq!(result["kind"] == "fail", result["level"] != "none");
    }
}

#[test]
fn the_rules_are_listed_and_explained() {
    insta::assert_snapshot!(text(&wscope(&["rules"]).stdout));
    insta::assert_snapshot!(text(&wscope(&["rules", "WS-FRAME-RSV1"]).stdout));
    let by_number = wscope(&["rules", "51"]);
    assert_eq!(
        text(&by_number.stdout),
        text(&wscope(&["rules", "ws-frame-rsv1"]).stdout)
    );
    assert_eq!(wscope(&["rules", "WS-NO-SUCH"]).status.code(), Some(2));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wscope"))
        .args(["print", "--json"])
        .arg(capture("plain.pcapng"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn the_help_is_what_the_readme_says() {
    insta::assert_snapshot!(text(&wscope(&["--help"]).stdout));
    insta::assert_snapshot!(text(&wscope(&["print", "--help"]).stdout));
    insta::assert_snapshot!(text(&wscope(&["stats", "--help"]).stdout));
    insta::assert_snapshot!(text(&wscope(&["check", "--help"]).stdout));
}

#[test]
fn an_event_keeps_its_id_whatever_else_is_shown() {
    let ids = |args: &[&str], kinds: &[&str]| -> Vec<String> {
        let output = text(&wscope(args).stdout);
        let lines = output.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            (
                line["event"].as_str().unwrap().to_owned(),
                line["id"].as_str().unwrap().to_owned(),
            )
        });
        let wanted = lines.filter(|(event, _)| kinds.contains(&event.as_str()));
        wanted.map(|(event, id)| format!("{event} {id}")).collect()
    };
    for name in [
        "violations",
        "refused",
        "early",
        "vanished",
        "reset",
        "socket-io",
        "port-reuse",
    ] {
        let file = format!("captures/{name}.pcapng");
        let kinds = ["ws.message", "ws.frame", "tcp.close", "anomaly"];
        let all = ids(&["print", "--json", &file], &kinds);
        // Nobody reads the verdict here, so nobody judges.
        let some = ids(
            &["print", "--json", "--events", &kinds.join(","), &file],
            &kinds,
        );
        assert_eq!(all, some, "{name}");
        assert!(all.len() > 3, "{name}");
    }
}
