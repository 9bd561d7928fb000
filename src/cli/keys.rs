//! `wscope keys`: which connections the secrets fit, and which have none.

use super::args::{Common, KeysArgs};
use super::{Done, progress, stdout};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use wscope::explain::said;
use wscope::explain::texts::{tr, word};
use wscope::model::{
    ClientRandom, ConnId, Dir, Event, EventKind, Flow, InsideState, Loan, Sink, Tls, Want,
};
use wscope::sink::Escaped;

/// Remembers what became of each TLS connection.
#[derive(Debug, Default)]
pub struct Fits {
    conns: BTreeMap<ConnId, Fit>,
}

/// A TLS connection.
#[derive(Debug)]
struct Fit {
    flow: Flow,
    server_name: Option<String>,
    /// The client randoms of its hellos: several where it was negotiated again, or TLS lies in TLS.
    randoms: BTreeSet<ClientRandom>,
    version: Option<String>,
    cipher: Option<&'static str>,
    state: Option<(InsideState, String)>,
    opened: bool,
}

impl Fits {
    pub fn look(&mut self, event: &Event, flow: &Flow) {
        let EventKind::Tls(tls) = &event.kind else {
            return;
        };
        let fit = self.conns.entry(event.conn).or_insert_with(|| Fit {
            flow: *flow,
            server_name: None,
            randoms: BTreeSet::new(),
            version: None,
            cipher: None,
            state: None,
            opened: false,
        });
        fit.flow = *flow;
        match tls {
            Tls::Hello(hello) if event.dir == Some(Dir::C2s) => {
                fit.randoms.insert(hello.random);
                if fit.server_name.is_none() {
                    fit.server_name.clone_from(&hello.server_name);
                }
            }
            Tls::Hello(hello) => fit.version = Some(hello.version.clone()),
            Tls::Inside(inside) => {
                fit.opened |= inside.state == InsideState::Open;
                fit.cipher = inside.cipher.or(fit.cipher);
                fit.state = Some((inside.state, inside.text.clone()));
            }
            Tls::Certificate(_) | Tls::Alert(_) | Tls::Close(_) => {}
        }
    }

    /// The client randoms of connections that were opened.
    pub fn opened(&self) -> BTreeSet<ClientRandom> {
        let opened = self.conns.values().filter(|fit| fit.opened);
        opened.flat_map(|fit| fit.randoms.iter().copied()).collect()
    }
}

impl Sink for Fits {
    fn want(&self) -> Want {
        Want {
            unjudged: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, _: Loan<'_>) -> io::Result<()> {
        self.look(event, flow);
        Ok(())
    }
}

pub fn run(args: &KeysArgs, common: Common) -> Done {
    let lang = common.lang();
    let say = |english: &str| tr(lang, english, &[]);
    let mut fits = Fits::default();
    let run = progress::run(&args.captures, &mut fits)?;
    let keys = &args.captures.secrets.keys;
    let mut out = stdout();
    let mut opened = 0;
    for (id, fit) in &fits.conns {
        opened += usize::from(fit.opened);
        let id = format!("#{id}");
        write!(out, "{id:<5} {}", fit.flow)?;
        let words = [
            fit.server_name.as_deref(),
            fit.version.as_deref(),
            fit.cipher,
        ];
        for word in words.into_iter().flatten() {
            write!(out, "  {}", Escaped(word))?;
        }
        match &fit.state {
            _ if fit.opened => writeln!(out, "  {}", word(lang, "tls", "open"))?,
            Some((state, text)) => {
                let state = word(lang, "tls", &state.word().replace('-', " "));
                writeln!(
                    out,
                    "  {state}{}{}",
                    word(lang, "line", ": "),
                    said(lang, text)
                )?;
            }
            None => writeln!(out, "  {}", say("nothing sealed was captured"))?,
        }
        for random in fit.randoms.iter().filter(|_| !fit.opened) {
            let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(out, "      client random {digits}")?;
        }
    }
    let met: BTreeSet<_> = fits.conns.values().flat_map(|fit| &fit.randoms).collect();
    let randoms = keys.randoms();
    let idle = randoms
        .iter()
        .filter(|random| !met.contains(random))
        .count();
    writeln!(
        out,
        "{}",
        tr(
            lang,
            "{n} TLS connections, {opened} of them open; secrets of {secrets} connections, {idle} of them not in these captures",
            &[
                ("n", &fits.conns.len()),
                ("opened", &opened),
                ("secrets", &randoms.len()),
                ("idle", &idle),
            ],
        )
    )?;
    out.flush()?;
    Ok(run.errors)
}
