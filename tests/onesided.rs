//! Captures that have only one direction: what that one says is shown all the same.

mod common;

use common::{Keep, feed, messages};
use wscope::forge::{Forged, connection, text};
use wscope::model::{Dir, Kind};

fn talk(fin: bool) -> Forged {
    let scenario = (0..3).fold(connection().upgrade(|upgrade| upgrade), |scenario, n| {
        let words = format!("{{\"question\":{n},\"of\":\"the client\"}}");
        let answer = format!("{{\"answer\":{n},\"of\":\"the server\"}}");
        scenario
            .client(text(words.as_str()))
            .server(text(answer.as_str()))
    });
    if fin {
        scenario.close(1000, "done").fin().forge()
    } else {
        scenario.forge()
    }
}

#[test]
fn one_direction_alone_shows_all_its_messages() {
    for (dir, fin) in [
        (Dir::C2s, true),
        (Dir::S2c, true),
        (Dir::C2s, false),
        (Dir::S2c, false),
    ] {
        let forged = talk(fin).keep(|_, packet| packet.dir == dir);
        let mut keep = Keep::default();
        feed(forged.packets(), &mut keep);
        let shown: Vec<_> = messages(&keep.0)
            .into_iter()
            .filter(|said| said.kind == Kind::Text)
            .map(|said| said.payload)
            .collect();
        let told: Vec<_> = forged
            .told
            .iter()
            .filter(|told| told.dir == dir && told.kind == Kind::Text)
            .map(|told| told.payload.clone())
            .collect();
        assert_eq!(shown, told, "{dir}, with FIN: {fin}");
    }
}
