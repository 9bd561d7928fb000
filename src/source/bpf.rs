//! Capture filters, as tcpdump knows them: compiled by libpcap, so only with feature `live`.

use crate::error::Error;
use crate::model::{Link, Packet};

/// A capture filter such as `tcp port 8080`.
pub struct Filter {
    expression: String,
    /// Compiled once per link type, as packets of it come.
    programs: Vec<(Link, pcap::BpfProgram)>,
}

impl Filter {
    /// A filter with this expression, in the language of pcap-filter(7).
    ///
    /// # Errors
    /// What libpcap says about the expression, tried on Ethernet.
    pub fn new(expression: &str) -> Result<Self, Error> {
        let mut filter = Self {
            expression: expression.to_owned(),
            programs: Vec::new(),
        };
        filter.program(Link::ETHERNET)?;
        Ok(filter)
    }

    /// Whether a packet passes.
    ///
    /// # Errors
    /// What libpcap says where the expression does not fit the packet's link type.
    pub fn passes(&mut self, packet: &Packet<'_>) -> Result<bool, Error> {
        Ok(self.program(packet.link)?.filter(packet.data))
    }

    fn program(&mut self, link: Link) -> Result<&pcap::BpfProgram, Error> {
        if let Some(at) = self.programs.iter().position(|(known, _)| *known == link) {
            return Ok(&self.programs[at].1);
        }
        let compiled = pcap::Capture::dead(pcap::Linktype(i32::from(link.0)))
            .and_then(|dead| dead.compile(&self.expression, true))
            .map_err(|cause| Error::Filter {
                expression: self.expression.clone(),
                cause: cause.to_string(),
            })?;
        self.programs.push((link, compiled));
        Ok(&self.programs[self.programs.len() - 1].1)
    }
}
