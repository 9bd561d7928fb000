use super::*;
use crate::field::{Datum, FIELDS, Type};
use crate::model::{Event, Flow, Limits, Loan, Sink, Timestamp, Want};
use proptest::prelude::*;
use proptest::sample::select;
use std::io;

fn problem(text: &str) -> (Range<usize>, String) {
    let problem = Filter::new(text).expect_err(text);
    (problem.at.clone(), problem.to_string())
}

#[test]
fn errors_point_at_the_column_and_suggest() {
    let cases = [
        (
            "websocket.opcod == 1",
            0..15,
            "did you mean websocket.opcode?",
        ),
        ("tcp.port == http", 12..16, "such as 1000 or 0x3e8"),
        ("tcp.port = 80", 9..10, "did you mean `==`?"),
        (
            "tcp.port == 80 & ip.addr == ::1",
            15..16,
            "did you mean `&&`?",
        ),
        (
            "tcp.port == 80 &&",
            17..17,
            "a condition is missing at the end",
        ),
        ("(tcp.port == 80", 15..15, "a `)` is missing"),
        ("tcp.port == 80)", 14..15, "closes nothing"),
        ("tcp.port == 80 tcp.port", 15..23, "`&&` or `||`"),
        (
            "tcp.port contains 8",
            9..17,
            "can be asked with == != <= >= < > in",
        ),
        ("ip.addr == ::1", 11..14, "use ipv6.addr or wscope.addr"),
        ("ip.addr == 10.0.0.0/33", 11..22, "10.0.0.0/8"),
        ("websocket.opcode == txet", 20..24, "did you mean text?"),
        (
            "wscope.kind == ws.mesage",
            15..24,
            "did you mean ws.message?",
        ),
        (
            "websocket.payload.text matches \"a(\"",
            31..35,
            "not a regular expression",
        ),
        (
            "websocket.payload.text contains \"你",
            32..34,
            "does not end",
        ),
        ("\"price\"", 0..7, "the field comes first"),
        ("== 3", 0..2, "a field is missing"),
        ("tcp.port in 80", 12..14, "such as {1, 5..9}"),
        ("tcp.port in {80", 15..15, "a `}` is missing"),
        ("tcp.port in {80..x}", 17..18, "number"),
        ("frame.time_relative > 5parsec", 22..29, "250ms"),
        ("frame.time < 2026-13-01", 13..23, "2026-11-21T09:42:41Z"),
        ("websocket.fin == 2", 17..18, "true or false"),
        ("", 0..0, "empty"),
    ];
    for (text, at, hint) in cases {
        let (found, message) = problem(text);
        assert_eq!(found, at, "{text}: {message}");
        assert!(message.contains(hint), "{text}: {message}");
    }
}

#[test]
fn no_nesting_is_too_deep_to_refuse() {
    for text in [
        "(".repeat(9_000),
        "(".repeat(4_000),
        "!".repeat(4_000),
        "not ".repeat(1_000),
    ] {
        assert!(Filter::new(&text).is_err());
    }
    let flat = vec!["tcp.port == 1"; 400].join(" || ");
    assert!(Filter::new(&flat).is_ok());
}

#[test]
fn words_and_signs_are_the_same() {
    let pairs = [
        (
            "tcp.port eq 80 and not http.request",
            "tcp.port == 80 && !http.request",
        ),
        ("http.host ~ \"x\"", "http.host matches \"x\""),
        ("websocket.opcode == text", "websocket.opcode == 0x1"),
        ("frame.time_relative > 1.5", "frame.time_relative > 1500ms"),
        (
            "frame.time > \"2026-11-21 09:42:41.5\"",
            "frame.time > 2026-11-21T09:42:41.500000000Z",
        ),
        (
            "websocket.masking_key == df894836",
            "websocket.masking_key == df:89:48:36",
        ),
        ("wscope.kind == \"ws.message\"", "wscope.kind == ws.message"),
    ];
    for (a, b) in pairs {
        assert_eq!(Filter::new(a), Filter::new(b), "{a}");
    }
}

#[test]
fn completion_knows_what_may_come() {
    let texts = |before: &str| {
        complete(before)
            .iter()
            .map(|it| it.text)
            .collect::<Vec<_>>()
    };
    assert_eq!(texts("websocket.op"), ["websocket.opcode"]);
    assert_eq!(texts("tcp.port == 1 && websocket.fi"), ["websocket.fin"]);
    assert_eq!(texts("websocket.opcode == t"), ["text"]);
    assert_eq!(texts("websocket.fin == "), ["true", "false"]);
    assert_eq!(texts("websocket.payload.text con"), ["contains"]);
    assert_eq!(texts("masking"), ["websocket.masking_key"]);
    assert_eq!(texts("tcp.port == 80 "), ["&&", "||"]);
    assert_eq!(texts("tcp.port == \""), [""; 0]);
    assert_eq!(complete("tcp.port == 1 && websocket.fi")[0].from, 17);
    assert_eq!(texts("").len(), FIELDS.len());
}

/// An event with its payload, and what is unknown of it.
type Kept = (Event, Flow, Vec<u8>, Vec<Range<u64>>);

/// Every event of some captures, with its payload.
fn events() -> Vec<Kept> {
    struct Keep(Vec<Kept>);
    impl Sink for Keep {
        fn want(&self) -> Want {
            Want {
                joined: true,
                ..Want::default()
            }
        }
        fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
            self.0.push((
                event.clone(),
                *flow,
                loan.bytes.to_vec(),
                loan.unknown.to_vec(),
            ));
            Ok(())
        }
    }
    let mut keep = Keep(Vec::new());
    for name in [
        "tour",
        "tls12",
        "tls-openssl",
        "violations",
        "midstream",
        "refused",
        "idle",
        "ipv6-veth",
        "deflate",
        "mqtt",
    ] {
        let path = format!("{}/captures/{name}.pcapng", env!("CARGO_MANIFEST_DIR"));
        let mut capture = crate::source::Capture::open([path]).unwrap();
        crate::engine::run(&mut capture, Limits::default(), &mut keep, |_, _| true).unwrap();
    }
    keep.0
}

fn view<'a>(kept: &'a (Event, Flow, Vec<u8>, Vec<Range<u64>>), start: Timestamp) -> View<'a> {
    View {
        event: &kept.0,
        flow: &kept.1,
        loan: Loan {
            bytes: &kept.2,
            unknown: &kept.3,
        },
        start,
    }
}

fn count(filter: &str) -> usize {
    let events = events();
    let filter = Filter::new(filter).unwrap_or_else(|problem| panic!("{filter}: {problem}"));
    let start = events[0].0.time;
    events
        .iter()
        .filter(|kept| filter.passes(&view(kept, start)))
        .count()
}

#[test]
fn every_field_has_the_type_it_says() {
    let events = events();
    let mut seen = Vec::new();
    for kept in &events {
        for field in FIELDS {
            field.visit(&view(kept, Timestamp(0)), &mut |datum| {
                let ty = match datum {
                    Datum::Bool(_) => Type::Bool,
                    Datum::Number(_) => Type::Number,
                    Datum::Text(_) => Type::Text,
                    Datum::Bytes(_) => Type::Bytes,
                    Datum::Ip(_) => Type::Ip,
                    Datum::Time(_) => Type::Time,
                    Datum::Span(_) => Type::Span,
                };
                assert_eq!(ty, field.ty, "{field:?}");
                seen.push(field.name);
            });
        }
    }
    let never: Vec<_> = FIELDS
        .iter()
        .map(|field| field.name)
        .filter(|name| !seen.contains(name) && !name.starts_with("tcp.analysis."))
        .collect();
    assert_eq!(never, [""; 0], "no capture has them");
}

#[test]
fn a_missing_field_makes_every_comparison_false() {
    assert_eq!(count("websocket.opcode == 1 && http.host == \"x\""), 0);
    let have = count("websocket.fin");
    assert!(have > 0);
    assert_eq!(
        count("websocket.fin == true") + count("websocket.fin != true"),
        have
    );
    assert_eq!(
        count("!websocket.fin == true") + count("websocket.fin == true"),
        events().len()
    );
}

#[test]
fn what_the_issue_asks_for_works() {
    assert_eq!(
        count(
            "websocket.opcode == 1 && ip.addr == 127.0.0.1 && websocket.payload.text contains \"get it\""
        ),
        1
    );
    assert_eq!(
        count("websocket.payload.text matches \"HELLO FROM\""),
        2,
        "case does not matter"
    );
    assert_eq!(
        count("websocket.payload.text matches \"(?-i)HELLO FROM\""),
        0
    );
    assert!(count("ipv6.addr == fd00::/8 || wscope.addr == 127.0.0.0/8") > 20);
    assert!(count("wscope.finding.severity == error") > 3);
    assert_eq!(
        count("http.response.code in {426, 400..410}"),
        count(
            "http.response.code == 426 || http.response.code >= 400 && http.response.code <= 410"
        )
    );
}

fn literal(field: &'static Field, op: Op) -> BoxedStrategy<Literal> {
    if op == Op::Matches {
        return select(vec!["a", "get.*", "[0-9]+", "\\d\"x", "你"])
            .prop_map(|source| {
                let test = Filter::new(&format!(
                    "http.host matches {}",
                    Literal::Text(source.into())
                ))
                .unwrap();
                match test.expr {
                    Expr::Test(test) => match &test.with[0] {
                        Item::One(literal) => literal.clone(),
                        Item::Range(..) => unreachable!(),
                    },
                    _ => unreachable!(),
                }
            })
            .boxed();
    }
    match field.ty {
        Type::Bool => any::<bool>().prop_map(Literal::Bool).boxed(),
        Type::Number => prop_oneof![0..12_u64, select(vec![80, 200, 1000, 9001]), any::<u64>()]
            .prop_map(Literal::Number)
            .boxed(),
        Type::Text if !field.words.is_empty() => select(field.words)
            .prop_map(|(word, _)| Literal::Text(word.into()))
            .boxed(),
        Type::Text => prop_oneof!["\\PC{0,4}", "[\\x00-\\x7f]{0,3}", "/tour|get it|13|GET"]
            .prop_map(Literal::Text)
            .boxed(),
        Type::Bytes => proptest::collection::vec(any::<u8>(), 0..4)
            .prop_map(Literal::Bytes)
            .boxed(),
        Type::Ip => {
            let four = !field.name.starts_with("ipv6.");
            let six = !field.name.starts_with("ip.");
            let v4 = (any::<u32>(), 0..=32_u8)
                .prop_map(|(ip, bits)| Literal::Net(IpAddr::V4(ip.into()), bits));
            let v6 = (any::<u128>(), 0..=128_u8)
                .prop_map(|(ip, bits)| Literal::Net(IpAddr::V6(ip.into()), bits));
            let near = (select(vec!["127.0.0.1", "10.7.0.1"]), 8..=32_u8)
                .prop_map(|(ip, bits)| Literal::Net(ip.parse().unwrap(), bits));
            match (four, six) {
                (true, false) => prop_oneof![v4, near].boxed(),
                (false, true) => v6.boxed(),
                _ => prop_oneof![v4, v6, near].boxed(),
            }
        }
        Type::Time => (0_i64..4_000_000_000_000_000_000)
            .prop_map(Literal::Time)
            .boxed(),
        Type::Span => prop_oneof![-5_000_000_000_i64..5_000_000_000, any::<i64>()]
            .prop_map(Literal::Span)
            .boxed(),
    }
}

fn test() -> impl Strategy<Value = Expr> {
    let fields: Vec<&'static Field> = FIELDS.iter().collect();
    select(fields).prop_flat_map(|field| {
        let ops: Vec<Op> = parse::operators(field).collect();
        select(ops).prop_flat_map(move |op| {
            let ordered = matches!(field.ty, Type::Number | Type::Span | Type::Time);
            let one = literal(field, op).prop_map(Item::One).boxed();
            let item = if op == Op::In && ordered && field.ty != Type::Time {
                let range =
                    (literal(field, op), literal(field, op)).prop_map(|(a, b)| Item::Range(a, b));
                prop_oneof![one, range].boxed()
            } else {
                one
            };
            let many = if op == Op::In { 1..4 } else { 1..2 };
            proptest::collection::vec(item, many)
                .prop_map(move |with| Expr::Test(Test { field, op, with }))
        })
    })
}

fn expr() -> impl Strategy<Value = Expr> {
    let fields: Vec<&'static Field> = FIELDS.iter().collect();
    let leaf = prop_oneof![1 => select(fields).prop_map(Expr::Has), 4 => test()];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Expr::Not(Box::new(inner))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::All),
            proptest::collection::vec(inner, 2..4).prop_map(Expr::Any),
        ]
    })
}

/// The meaning of an expression, written down as plainly as can be.
fn naive(expr: &Expr, view: &View<'_>) -> bool {
    match expr {
        Expr::Any(list) => list.iter().any(|it| naive(it, view)),
        Expr::All(list) => list.iter().all(|it| naive(it, view)),
        Expr::Not(inner) => !naive(inner, view),
        Expr::Has(field) => !values(field, view).is_empty(),
        Expr::Test(test) => {
            let values = values(test.field, view);
            let equal =
                |value: &Datum<'_>| test.with.iter().any(|item| naive_item(Op::Eq, value, item));
            match test.op {
                Op::Ne => !values.is_empty() && !values.iter().any(equal),
                Op::In => values.iter().any(equal),
                op => values
                    .iter()
                    .any(|value| naive_item(op, value, &test.with[0])),
            }
        }
    }
}

fn values<'a>(field: &Field, view: &View<'a>) -> Vec<Datum<'a>> {
    let mut values = Vec::new();
    field.visit(view, &mut |datum| values.push(datum));
    values
}

fn naive_item(op: Op, value: &Datum<'_>, item: &Item) -> bool {
    let number = |literal: &Literal| match *literal {
        Literal::Bool(yes) => i128::from(yes),
        Literal::Number(number) => number.into(),
        Literal::Time(nanos) | Literal::Span(nanos) => nanos.into(),
        _ => panic!("{literal:?} is no number"),
    };
    let (item, to) = match item {
        Item::One(item) => (item, None),
        Item::Range(from, to) => (from, Some(number(to))),
    };
    match (value, item) {
        (Datum::Text(text), Literal::Text(other)) => match op {
            Op::Contains => text.contains(other.as_str()),
            _ => **text == **other,
        },
        (Datum::Bytes(bytes), Literal::Bytes(other)) => match op {
            Op::Contains => {
                other.is_empty()
                    || bytes
                        .windows(other.len())
                        .any(|window| window == &other[..])
            }
            _ => **bytes == **other,
        },
        (Datum::Text(text), Literal::Pattern(pattern)) => pattern.regex.is_match(text.as_bytes()),
        (Datum::Bytes(bytes), Literal::Pattern(pattern)) => pattern.regex.is_match(bytes),
        (Datum::Ip(ip), Literal::Net(net, bits)) => {
            let binary = |ip: &IpAddr| match ip {
                IpAddr::V4(ip) => format!("4{:032b}", ip.to_bits()),
                IpAddr::V6(ip) => format!("6{:0128b}", ip.to_bits()),
            };
            binary(ip).starts_with(&binary(net)[..1 + usize::from(*bits)])
        }
        (Datum::Bool(_) | Datum::Number(_) | Datum::Time(_) | Datum::Span(_), literal) => {
            let value: i128 = match *value {
                Datum::Bool(yes) => yes.into(),
                Datum::Number(number) => number.into(),
                Datum::Time(time) => time.0.into(),
                Datum::Span(nanos) => nanos.into(),
                _ => unreachable!(),
            };
            let other = number(literal);
            match (op, to) {
                (_, Some(to)) => other <= value && value <= to,
                (Op::Lt, _) => value < other,
                (Op::Le, _) => value <= other,
                (Op::Gt, _) => value > other,
                (Op::Ge, _) => value >= other,
                _ => value == other,
            }
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn what_is_printed_reads_back(expr in expr()) {
        let filter = Filter { expr };
        let text = filter.to_string();
        prop_assert_eq!(Filter::new(&text), Ok(filter), "{}", text);
    }

    #[test]
    fn nothing_typed_breaks_it(text in "[a-z0-9.\"\\\\(){}!=<>&|~, :/你]{0,40}", cut in 0..40_usize) {
        if let Err(problem) = Filter::new(&text) {
            prop_assert!(problem.at.start <= problem.at.end && problem.at.end <= text.chars().count());
        }
        let before: String = text.chars().take(cut).collect();
        for completion in complete(&before) {
            prop_assert!(completion.from <= before.chars().count());
        }
    }
}

#[test]
fn it_means_what_the_naive_one_means() {
    let events = events();
    let start = events[0].0.time;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(400)
    });
    let mut passed = 0;
    runner
        .run(&(expr(), 0..events.len()), |(expr, from)| {
            for kept in events.iter().skip(from).step_by(7).take(40) {
                let view = view(kept, start);
                let expected = naive(&expr, &view);
                prop_assert_eq!(
                    eval::passes(&expr, &view),
                    expected,
                    "{} on {:?}",
                    expr,
                    kept.0
                );
            }
            Ok(())
        })
        .unwrap();
    for kept in &events {
        passed += usize::from(naive(
            &Filter::new("websocket.opcode in {1..10}").unwrap().expr,
            &view(kept, start),
        ));
    }
    assert!(passed > 100);
}
