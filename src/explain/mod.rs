//! What findings mean, by their code.

mod capture;
mod encoding;
mod noxu;
mod pushwire;
mod sync;

/// What one code means.
#[derive(Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The code, as issues carry it.
    pub code: &'static str,
    /// What was found, in a few words.
    pub title: &'static str,
    /// What it means, and where it comes from.
    pub meaning: &'static str,
    /// What to do about it.
    pub action: &'static str,
}

/// The parts of the dictionary, with what each is about.
pub static SECTIONS: &[(&str, &[Explanation])] = &[
    ("frames and encodings", encoding::ALL),
    ("captures and transports", capture::ALL),
    ("sync", sync::ALL),
    ("pushwire", pushwire::ALL),
    ("noxu", noxu::ALL),
];

/// All codes that can be looked up.
pub fn all() -> impl Iterator<Item = &'static Explanation> {
    SECTIONS.iter().flat_map(|(_, section)| section.iter())
}

/// The explanation of `code`.
#[must_use]
pub fn by_code(code: &str) -> Option<&'static Explanation> {
    all().find(|explanation| explanation.code.eq_ignore_ascii_case(code))
}

const fn explain(
    code: &'static str,
    title: &'static str,
    meaning: &'static str,
    action: &'static str,
) -> Explanation {
    Explanation {
        code,
        title,
        meaning,
        action,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_once() {
        let mut codes: Vec<&str> = all().map(|explanation| explanation.code).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }

    #[test]
    fn explanations_are_whole_sentences() {
        for explanation in all() {
            let code = explanation.code;
            assert!(explanation.meaning.ends_with('.'), "{code}");
            assert!(explanation.action.ends_with('.'), "{code}");
            assert!(!explanation.title.ends_with('.'), "{code}");
        }
    }
}
