//! A WebSocket client made of Rust's `tungstenite`: SPEC (see ../../common.py).
//! Each message is sent, and its echo awaited.

use base64::{prelude::BASE64_STANDARD, Engine};
use serde_json::{json, Value};
use sha1::{Digest, Sha1};
use rustls::{
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{ring, CryptoProvider},
    pki_types::{CertificateDer, ServerName, UnixTime},
    ClientConfig, DigitallySignedStruct, Error, KeyLogFile, SignatureScheme,
};
use std::{fs, io::Write, net::TcpStream, sync::Arc, time::SystemTime};
use tungstenite::{
    protocol::{frame::coding::CloseCode, CloseFrame},
    stream::MaybeTlsStream,
    Connector, Message, WebSocket,
};

/// The certificates are made for one run: whoever shows one is believed.
#[derive(Debug)]
struct Believe(Arc<CryptoProvider>);

impl ServerCertVerifier for Believe {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Opens a session; with `tls` (`{"suite": NAME}`) through rustls, which writes SSLKEYLOGFILE.
fn open(session: &Value) -> WebSocket<MaybeTlsStream<TcpStream>> {
    let (dial, uri) = (session["dial"].as_str().unwrap(), session["uri"].as_str().unwrap());
    let Some(suite) = session["tls"]["suite"].as_str() else {
        return tungstenite::connect(format!("ws://{dial}{uri}")).unwrap().0;
    };
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|known| format!("{:?}", known.suite()) == suite);
    let provider = Arc::new(provider);
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believe(provider)))
        .with_no_client_auth();
    config.key_log = Arc::new(KeyLogFile::new());
    let stream = TcpStream::connect(dial).unwrap();
    let connector = Some(Connector::Rustls(Arc::new(config)));
    let uri = format!("wss://wscope.test{uri}");
    tungstenite::client_tls_with_config(uri, stream, None, connector).unwrap().0
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as f64 / 1e6
}

fn payload(kind: &str, raw: &[u8]) -> Value {
    let mut out = json!({"kind": kind, "length": raw.len()});
    if raw.len() > 4096 {
        out["sha1"] = Sha1::digest(raw).iter().map(|b| format!("{b:02x}")).collect::<String>().into();
    } else if kind == "text" {
        out["text"] = std::str::from_utf8(raw).unwrap().into();
    } else {
        out["base64"] = BASE64_STANDARD.encode(raw).into();
    }
    out
}

fn described(m: &Message) -> Value {
    match m {
        Message::Text(s) => payload("text", s.as_bytes()),
        Message::Binary(b) => payload("binary", b),
        Message::Ping(b) => payload("ping", b),
        Message::Pong(b) => payload("pong", b),
        Message::Close(c) => {
            let (code, reason) = c.as_ref().map_or((1005, ""), |c| (u16::from(c.code), c.reason.as_ref()));
            let length = if code == 1005 { 0 } else { 2 + reason.len() };
            json!({"kind": "close", "length": length, "code": code, "reason": reason})
        }
        Message::Frame(_) => unreachable!(),
    }
}

fn main() {
    let spec: Value = serde_json::from_slice(&fs::read(std::env::args().nth(1).unwrap()).unwrap()).unwrap();
    let mut log = fs::OpenOptions::new().append(true).create(true).open(std::env::var("WSLOG").unwrap()).unwrap();
    for session in spec["sessions"].as_array().unwrap() {
        let (dial, uri) = (session["dial"].as_str().unwrap(), session["uri"].as_str().unwrap());
        let mut note = |t: f64, what: &str, more: Value| {
            let mut line = json!({"t": t, "who": "client", "program": "Rust tungstenite 0.24.0", "server": dial, "uri": uri, "do": what});
            for (k, v) in more.as_object().unwrap() {
                line[k] = v.clone();
            }
            log.write_all(format!("{line}\n").as_bytes()).unwrap();
        };
        let mut ws = open(session);
        note(now(), "open", json!({}));
        for step in session["steps"].as_array().unwrap() {
            let message = match step[0].as_str().unwrap() {
                "send" => match step[1].as_str() {
                    Some(text) => Message::Text(text.into()),
                    None => Message::Binary(BASE64_STANDARD.decode(step[1]["b64"].as_str().unwrap()).unwrap()),
                },
                "ping" => Message::Ping(step[1].as_str().unwrap().into()),
                "close" => Message::Close(Some(CloseFrame {
                    code: CloseCode::from(step[1].as_u64().unwrap() as u16),
                    reason: step[2].as_str().unwrap().to_owned().into(),
                })),
                _ => continue,
            };
            note(now(), "send", described(&message));
            ws.send(message).unwrap();
            match ws.read() {
                Ok(m) => note(now(), "receive", described(&m)),
                Err(e) => note(now(), "error", json!({"text": e.to_string()})),
            }
        }
        while let Err(e) = ws.read().map(|_| ()) {
            if matches!(e, tungstenite::Error::ConnectionClosed) {
                note(now(), "closed", json!({}));
            } else {
                note(now(), "error", json!({"text": e.to_string()}));
            }
            break;
        }
    }
}
