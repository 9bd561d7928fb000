//! `wscope interfaces`: what can be captured from.

use super::args::Common;
use super::{Done, stdout};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags as Flags;
use std::collections::BTreeMap;
use std::io::Write as _;
use wscope::explain::pad;
use wscope::explain::texts::{tr, word};

/// An interface, as the system describes it.
pub struct Interface {
    pub name: String,
    pub up: bool,
    /// Its cable is in, or what stands for one.
    pub running: bool,
    pub loopback: bool,
    pub addresses: Vec<String>,
}

/// All of them, by name.
pub fn list() -> nix::Result<Vec<Interface>> {
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    for one in getifaddrs()? {
        let name = one.interface_name;
        let interface = found.entry(name.clone()).or_insert(Interface {
            name,
            up: one.flags.contains(Flags::IFF_UP),
            running: one.flags.contains(Flags::IFF_RUNNING),
            loopback: one.flags.contains(Flags::IFF_LOOPBACK),
            addresses: Vec::new(),
        });
        let Some(address) = one.address else { continue };
        if let Some(v4) = address.as_sockaddr_in() {
            interface.addresses.push(v4.ip().to_string());
        } else if let Some(v6) = address.as_sockaddr_in6() {
            interface.addresses.push(v6.ip().to_string());
        }
    }
    Ok(found.into_values().collect())
}

/// Where `live` captures if nothing is said: the first one that is in use and leads out, else the loopback.
pub fn usual() -> Option<String> {
    let list = list().ok()?;
    let used = |it: &&Interface| it.up && it.running && !it.addresses.is_empty();
    let out = list.iter().filter(used).find(|it| !it.loopback);
    out.or(list.iter().find(used)).map(|it| it.name.clone())
}

pub fn run(common: Common) -> Done {
    let lang = common.lang();
    let say = |english: &str| tr(lang, english, &[]);
    let mut out = stdout();
    let usual = usual();
    for it in list()? {
        let state = match (it.up, it.running) {
            (false, _) => "down",
            (true, false) => "no link",
            (true, true) => "up",
        };
        let mut notes = it.addresses.join(" ");
        if it.loopback {
            notes += &say(" (loopback)");
        }
        if Some(&it.name) == usual.as_ref() {
            notes += &say(" (taken where no -i is given)");
        }
        let state = pad(&word(lang, "link", state), 8);
        writeln!(out, "{:<16} {state} {}", it.name, notes.trim_start())?;
    }
    if cfg!(target_os = "linux") {
        let state = pad(&word(lang, "link", "up"), 8);
        let all = word(lang, "link", "all of them");
        writeln!(out, "{:<16} {state} {all}", "any")?;
    }
    out.flush()?;
    Ok(Vec::new())
}
