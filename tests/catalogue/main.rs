//! Every rule is broken once, and nearly broken once; correct stacks break none.

mod captures;
mod cases;
mod talk;
mod wire;

use cases::CASES;
use std::collections::BTreeSet;
use talk::{C, Fields as _, Findings, S, Talk, close, more, ping, text};
use wscope::model::{Verdict, What};
use wscope::rules::{find, rules};

fn run(script: fn(&mut Talk)) -> Findings {
    let mut talk = Talk::new();
    script(&mut talk);
    talk.end()
}

#[test]
fn every_rule_has_a_breach_and_a_near_breach() {
    let judged: BTreeSet<_> = rules().map(|rule| rule.number).collect();
    let cases: BTreeSet<_> = CASES.iter().map(|(number, ..)| *number).collect();
    assert_eq!(judged, cases);
}

#[test]
fn a_breach_is_found_and_a_near_breach_is_not() {
    let mut wrong = Vec::new();
    for &(number, breach, near) in CASES {
        let rule = find(&number.to_string()).unwrap();
        let broken = run(breach);
        let found = broken.fails().iter().any(|it| it.rule == rule.id);
        if !found {
            wrong.push(format!("{number} {}: the breach is not found", rule.id));
        }
        if run(near).0.iter().any(|it| it.rule == rule.id) {
            wrong.push(format!("{number} {}: the near breach is found", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_capture_lost_is_nobodys_breach() {
    // The frames of a direction are not known for a while: whatever comes after is doubtful.
    let mut talk = Talk::new();
    talk.open().lose(C, What::Boundary);
    talk.send(C, text("a").unmasked())
        .send(S, ping("x"))
        .wait(5000);
    talk.send(C, text([0xff])).bye();
    let said = talk.end();
    assert!(said.fails().is_empty(), "{:?}", said.fails());
    let open = |id: &str| said.0.iter().filter(|it| it.rule == id).count();
    assert_eq!(open("WS-FRAME-CLIENT-MASK"), 1);
    assert_eq!(
        open("WS-FRAME-SERVER-MASK"),
        0,
        "the other direction is whole"
    );
    assert_eq!(
        open("WS-PING-UNANSWERED"),
        2,
        "a pong, and a ping, may be lost"
    );
}

#[test]
fn a_hole_in_a_payload_keeps_its_message_from_being_judged_and_no_other() {
    let mut talk = Talk::new();
    talk.open().lose(C, What::Gap);
    talk.send(C, text([0xff]).incomplete())
        .send(C, text("a").unmasked());
    let said = talk.end();
    let fails: Vec<_> = said.fails().iter().map(|it| it.rule).collect();
    assert_eq!(fails, ["WS-FRAME-CLIENT-MASK"]);
    assert!(said.0.iter().any(|it| it.rule == "WS-MESSAGE-UTF8"));
}

#[test]
fn an_inferred_handshake_leaves_everything_open() {
    let mut talk = Talk::new();
    talk.opened(true, true);
    talk.send(C, text("a").unmasked())
        .send(S, close(999))
        .fin(S)
        .fin(C);
    let said = talk.end();
    assert!(said.fails().is_empty(), "{:?}", said.fails());
    assert!(said.0.iter().any(|it| it.rule == "WS-CLOSE-CODE-LOW"));
    assert!(said.0.iter().all(|it| it.verdict == Verdict::Undecidable));
}

#[test]
fn without_the_end_nothing_is_said_of_it() {
    let mut talk = Talk::new();
    talk.open()
        .send(S, ping("x"))
        .wait(5000)
        .send(C, text("busy"));
    let said = talk.end();
    assert!(said.fails().is_empty());
    let ping = said
        .0
        .iter()
        .find(|it| it.rule == "WS-PING-UNANSWERED")
        .unwrap();
    assert_eq!(ping.text, "the end of the connection was not captured");
}

#[test]
fn a_breach_over_and_over_is_listed_ten_times() {
    let mut talk = Talk::new();
    talk.head.add("Origin", "https://example.com");
    talk.open();
    for _ in 0..50 {
        talk.send(C, text("a").unmasked());
    }
    assert_eq!(talk.end().fails().len(), 10);
}

#[test]
fn a_refusal_is_told_with_what_the_client_did_next() {
    let mut talk = Talk::new();
    talk.answer.status = 401;
    talk.answer.add("WWW-Authenticate", "Basic");
    talk.ask().reply().again().wait(500);
    talk.head
        .add("Authorization", "Basic dTpw")
        .set("Sec-WebSocket-Key", "qh1mJ0ZQ4yQvVQd2U5Ww3A==");
    talk.answer.status = 101;
    talk.open().bye();
    let said = talk.end();
    let [refused] = said.fails()[..] else {
        panic!("{:?}", said.fails())
    };
    assert_eq!(refused.rule, "WS-ANSWER-REDIRECTED");
    assert_eq!(
        refused.text,
        "the status is 401, www-authenticate Basic; 503 ms later the same address asked for /chat with credentials, on another connection (event 6.0)"
    );
    let mut talk = Talk::new();
    talk.answer.status = 302;
    talk.answer.add("Location", "/login");
    talk.ask().reply().again().wait(70_000);
    talk.ask();
    let said = talk.end();
    let of = |it: &&wscope::model::Finding| it.rule == "WS-ANSWER-REDIRECTED";
    let text = &said.0.iter().find(of).unwrap().text;
    assert!(text.ends_with("was captured within a minute"), "{text}");
}

#[test]
fn what_an_intermediary_did_is_not_said_where_bytes_are_missing() {
    let mut talk = Talk::new();
    talk.ask().next().ask().reply().opened(true, false);
    talk.back(0).reply().opened(true, false);
    talk.lose(C, What::Gap);
    talk.send(C, text("hel").part()).send(C, more("lo"));
    talk.back(1).send(C, text("hello"));
    assert!(talk.end().fails().is_empty());
}

#[test]
fn close_notify_may_be_in_what_was_lost() {
    let mut talk = Talk::new();
    talk.tls = true;
    talk.open().lose(C, What::Gap).bye();
    talk.notify([false, true], 0);
    let said = talk.end();
    let of = |it: &&wscope::model::Finding| it.rule == "WS-CLOSE-TLS";
    let verdicts: Vec<_> = said.0.iter().filter(of).map(|it| it.verdict).collect();
    assert_eq!(verdicts, [Verdict::Undecidable]);
}
