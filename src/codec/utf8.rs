//! UTF-8 that comes in pieces.   RFC 3629; RFC 6455 section 8.1

/// Checks text piece by piece; a character may be cut anywhere.
#[derive(Clone, Debug, Default)]
pub struct Utf8 {
    /// The beginning of a character whose rest has not come: the first `held` of these.
    carry: [u8; 4],
    held: usize,
    broken: bool,
}

impl Utf8 {
    /// Takes the next piece.
    pub fn feed(&mut self, mut piece: &[u8]) {
        while self.held > 0 && !self.broken {
            let Some((&byte, rest)) = piece.split_first() else {
                return;
            };
            piece = rest;
            if let Some(place) = self.carry.get_mut(self.held) {
                *place = byte;
            }
            self.held += 1;
            let so_far = self.carry.get(..self.held).unwrap_or(&self.carry);
            match std::str::from_utf8(so_far) {
                Ok(_) => self.held = 0,
                Err(error) => self.broken = error.error_len().is_some() || self.held == 4,
            }
        }
        if self.broken {
            return;
        }
        if let Err(error) = simdutf8::compat::from_utf8(piece) {
            let rest = piece.get(error.valid_up_to()..).unwrap_or_default();
            match (error.error_len(), self.carry.get_mut(..rest.len())) {
                (None, Some(carry)) => {
                    carry.copy_from_slice(rest);
                    self.held = rest.len();
                }
                _ => self.broken = true,
            }
        }
    }

    /// Whether everything so far is valid, and ends with a whole character.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.broken && self.held == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn valid(pieces: &[&[u8]]) -> bool {
        let mut utf8 = Utf8::default();
        pieces.iter().for_each(|piece| utf8.feed(piece));
        utf8.is_valid()
    }

    #[test]
    fn a_character_may_be_cut_anywhere() {
        assert!(valid(&[b"a\xe4", b"\xbd", b"\xa0b"]));
        assert!(!valid(&[b"a\xe4", b"\xbd"]), "its end is missing");
        assert!(!valid(&[b"\xe4", b"a"]));
        assert!(!valid(&[b"\xed\xa0\x80"]), "a surrogate");
        assert!(!valid(&[b"\xed", b"\xa0\x80"]), "a surrogate, cut");
    }

    proptest! {
        #[test]
        fn any_cuts_give_what_the_whole_gives(
            text: String, noise in prop::collection::vec(any::<u8>(), 0..3), at: prop::sample::Index,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)
        ) {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, noise);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut utf8 = Utf8::default();
            let mut from = 0;
            for to in cuts.into_iter().chain([bytes.len()]) {
                utf8.feed(&bytes[from..to]);
                from = to;
            }
            prop_assert_eq!(utf8.is_valid(), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
