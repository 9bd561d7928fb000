//! What `check` writes for other tools has the shape that their formats ask for.
//!
//! SARIF: the objects, members and words of the OASIS schema 2.1.0 that wscope uses; the schema allows
//! no others, so the names are compared whole. JUnit: elements, their order and their attributes as
//! the XSD that Jenkins and its kin read has them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

fn check(format: &str, files: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wscope"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["check", "--format", format])
        .args(files)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What an object may hold: its members, those that it has to hold first, behind them a bar.
const OBJECTS: &[(&str, &str)] = &[
    ("log", "version runs | $schema"),
    ("run", "tool | artifacts results"),
    ("tool", "driver"),
    ("driver", "name | version rules"),
    (
        "rule",
        "id | shortDescription fullDescription help defaultConfiguration properties",
    ),
    ("text", "text"),
    ("configuration", "| level"),
    (
        "result",
        "message | ruleId ruleIndex kind level locations properties",
    ),
    ("location", "| physicalLocation logicalLocations"),
    ("physical", "artifactLocation"),
    ("artifact", "uri | index"),
    ("logical", "| fullyQualifiedName"),
    ("holder", "location"),
];

/// The sort of object behind a member.
const BEHIND: &[(&str, &str)] = &[
    ("runs", "run"),
    ("tool", "tool"),
    ("driver", "driver"),
    ("rules", "rule"),
    ("shortDescription", "text"),
    ("fullDescription", "text"),
    ("help", "text"),
    ("message", "text"),
    ("defaultConfiguration", "configuration"),
    ("artifacts", "holder"),
    ("location", "artifact"),
    ("results", "result"),
    ("locations", "location"),
    ("physicalLocation", "physical"),
    ("artifactLocation", "artifact"),
    ("logicalLocations", "logical"),
];

const WORDS: &[(&str, &[&str])] = &[
    ("version", &["2.1.0"]),
    ("level", &["none", "note", "warning", "error"]),
    (
        "kind",
        &[
            "notApplicable",
            "pass",
            "fail",
            "review",
            "open",
            "informational",
        ],
    ),
];

fn behind<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, it)| *it)
}

fn object(sort: &str, value: &Value) {
    let members = value
        .as_object()
        .unwrap_or_else(|| panic!("{sort}: {value}"));
    let (must, may) = behind(OBJECTS, sort)
        .unwrap()
        .split_once('|')
        .unwrap_or((behind(OBJECTS, sort).unwrap(), ""));
    for name in must.split_whitespace() {
        assert!(members.contains_key(name), "{sort} without {name}: {value}");
    }
    for (name, value) in members {
        let mut known = must.split_whitespace().chain(may.split_whitespace());
        assert!(known.any(|it| it == name), "{sort} has no {name}");
        // Whatever lies in a property bag is free.
        if name == "properties" {
            continue;
        }
        if let (Some(words), "log" | "configuration" | "result") = (behind(WORDS, name), sort) {
            assert!(words.contains(&value.as_str().unwrap()), "{name}: {value}");
        }
        match (behind(BEHIND, name), value) {
            (Some(sort), Value::Array(list)) => list.iter().for_each(|it| object(sort, it)),
            (Some(sort), value) => object(sort, value),
            (None, Value::String(_) | Value::Number(_)) => {}
            (None, other) => panic!("{sort}.{name}: {other}"),
        }
    }
}

#[test]
fn sarif_has_the_shape_of_its_schema() {
    for file in ["reset", "violations", "refused", "midstream", "other"] {
        let sarif = check("sarif", &[&format!("captures/{file}.pcapng")]);
        let sarif: Value = serde_json::from_str(&sarif).unwrap();
        object("log", &sarif);
        for result in sarif["runs"][0]["results"].as_array().unwrap() {
            // Section 3.27.10: a level other than none is for failures only.
            assert_eq!(result["kind"] == "fail", result["level"] != "none");
        }
    }
}

#[test]
fn sarif_names_the_file_that_has_the_packet() {
    let files = ["captures/tour.pcapng", "captures/violations.pcapng"];
    let sarif: Value = serde_json::from_str(&check("sarif", &files)).unwrap();
    object("log", &sarif);
    let artifacts = sarif["runs"][0]["artifacts"].as_array().unwrap();
    let mut places = BTreeMap::new();
    for result in sarif["runs"][0]["results"].as_array().unwrap() {
        let place = &result["locations"][0]["physicalLocation"]["artifactLocation"];
        let Some(uri) = place["uri"].as_str() else {
            continue;
        };
        let index = place["index"].as_u64().unwrap() as usize;
        assert_eq!(artifacts[index]["location"]["uri"], uri);
        // The tour has 27 packets; what comes after them lies in the other file.
        let packet = result["properties"]["packets"][1].as_u64().unwrap();
        assert_eq!(uri == files[0], packet <= 27, "{result}");
        *places.entry(uri.to_owned()).or_insert(0) += 1;
    }
    assert!(places[files[1]] >= 19, "{places:?}");
}

/// Elements that JUnit has, where they may stand, and the attributes they need.
const ELEMENTS: &[(&str, &str, &str)] = &[
    ("testsuites", "", "name tests failures errors time"),
    (
        "testsuite",
        "testsuites",
        "name tests failures errors skipped time",
    ),
    ("testcase", "testsuite", "classname name time"),
    ("failure", "testcase", "message type"),
    ("skipped", "testcase", "message"),
    ("system-out", "testcase", ""),
];

#[test]
fn junit_has_the_shape_of_its_schema_and_counts_right() {
    for file in ["reset", "violations", "refused", "midstream"] {
        let xml = check("junit", &[&format!("captures/{file}.pcapng")]);
        let body = xml
            .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
            .unwrap();
        let mut stack: Vec<&str> = Vec::new();
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        let mut promised: BTreeMap<&str, u64> = BTreeMap::new();
        for tag in body.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').unwrap();
            assert!(!text.contains(['&']) || text.contains(';'), "{text}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(stack.pop(), Some(name), "{file}");
                continue;
            }
            let name = tag.split([' ', '/']).next().unwrap();
            let (_, parent, attributes) = ELEMENTS.iter().find(|(it, ..)| *it == name).unwrap();
            assert_eq!(
                stack.last().copied().unwrap_or(""),
                *parent,
                "{file}: {tag}"
            );
            let has = |attribute: &str| tag.contains(&format!(" {attribute}=\""));
            assert!(attributes.split_whitespace().all(has), "{file}: {tag}");
            *counts.entry(name).or_default() += 1;
            if name == "testsuites" {
                for attribute in ["tests", "failures"] {
                    let (_, rest) = tag.split_once(&format!(" {attribute}=\"")).unwrap();
                    let number = rest.split('"').next().unwrap().parse().unwrap();
                    promised.insert(attribute, number);
                }
            }
            if !tag.ends_with('/') {
                stack.push(name);
            }
        }
        assert!(stack.is_empty());
        assert_eq!(promised["tests"], counts["testcase"], "{file}");
        assert_eq!(
            promised["failures"],
            counts.get("failure").copied().unwrap_or(0)
        );
    }
}
