//! `wscope rules`: the catalogue, or one rule explained.

use super::args::{Common, RulesArgs};
use super::{Done, stdout};
use anyhow::anyhow;
use std::io::Write as _;
use wscope::explain::texts::{tr, word};
use wscope::explain::{Lang, columns, of_rule, pad};
use wscope::rules::{Rule, find, rules};

pub fn run(args: &RulesArgs, common: Common) -> Done {
    let lang = common.lang();
    let mut out = stdout();
    match &args.rule {
        None => {
            for rule in rules() {
                writeln!(
                    out,
                    "{:>3}  {}  {:<32}  {}  {}",
                    rule.number,
                    pad(&word(lang, "severity", rule.severity.word()), 7),
                    rule.id,
                    pad(&tr(lang, rule.section, &[]), 18),
                    of_rule(lang, rule).title
                )?;
            }
        }
        Some(word) => {
            let rule = find(word).ok_or_else(|| {
                anyhow!("no rule is called {word:?}: `wscope rules` lists them all")
            })?;
            explain(&mut out, rule, lang)?;
        }
    }
    out.flush()?;
    Ok(Vec::new())
}

fn explain(out: &mut impl std::io::Write, rule: &'static Rule, lang: Lang) -> std::io::Result<()> {
    let say = |english: &str| tr(lang, english, &[]);
    let needs: Vec<_> = rule.needs.words().map(say).collect();
    let worded = of_rule(lang, rule);
    let head = [("id", &rule.id as _), ("n", &rule.number as _)];
    writeln!(out, "{}", tr(lang, "{id} (rule {n})", &head))?;
    writeln!(out, "  {}", worded.title)?;
    writeln!(out)?;
    let rows = [
        ("section", say(rule.section)),
        ("severity", word(lang, "severity", rule.severity.word())),
        ("whose duty", say(rule.by.words())),
        ("needs", needs.join(&say(", "))),
        ("why", worded.why.to_owned()),
        ("usual cause", worded.cause.to_owned()),
    ];
    let widest = rows.iter().map(|(name, _)| columns(&say(name))).max();
    for (name, text) in rows {
        writeln!(out, "  {}  {text}", pad(&say(name), widest.unwrap_or(0)))?;
    }
    Ok(())
}
