//! `wscope rules`: the catalogue, or one rule explained.

use super::args::RulesArgs;
use super::{Done, stdout};
use anyhow::anyhow;
use std::io::Write as _;
use wscope::rules::{Rule, find, rules};

pub fn run(args: &RulesArgs) -> Done {
    let mut out = stdout();
    match &args.rule {
        None => {
            for rule in rules() {
                writeln!(
                    out,
                    "{:>3}  {:<7}  {:<32}  {:<18}  {}",
                    rule.number,
                    rule.severity.word(),
                    rule.id,
                    rule.section,
                    rule.title
                )?;
            }
        }
        Some(word) => {
            let rule = find(word).ok_or_else(|| {
                anyhow!("no rule is called {word:?}: `wscope rules` lists them all")
            })?;
            explain(&mut out, rule)?;
        }
    }
    out.flush()?;
    Ok(Vec::new())
}

fn explain(out: &mut impl std::io::Write, rule: &Rule) -> std::io::Result<()> {
    let needs: Vec<_> = rule.needs.words().collect();
    writeln!(out, "{} (rule {})", rule.id, rule.number)?;
    writeln!(out, "  {}", rule.title)?;
    writeln!(out)?;
    writeln!(out, "  section      {}", rule.section)?;
    writeln!(out, "  severity     {}", rule.severity.word())?;
    writeln!(out, "  whose duty   {}", rule.by.words())?;
    writeln!(out, "  needs        {}", needs.join(", "))?;
    writeln!(out, "  why          {}", rule.why)?;
    writeln!(out, "  usual cause  {}", rule.cause)
}
