//! Colours and emphasis, as data.

use owo_colors::Style;

/// Ends every style.
const RESET: &str = "\x1b[0m";

/// One way to print a piece of text.
#[derive(Clone, Debug, Default)]
pub struct Ink {
    start: String,
}

impl Ink {
    fn new(style: Style) -> Self {
        Self {
            start: style.prefix_formatter().to_string(),
        }
    }

    /// What goes before the text; empty if the ink is none.
    #[must_use]
    pub fn start(&self) -> &str {
        &self.start
    }

    /// What goes after the text.
    #[must_use]
    pub fn end(&self) -> &'static str {
        if self.start.is_empty() { "" } else { RESET }
    }
}

/// How everything that people read is printed. Values have jq's colours.
#[derive(Clone, Debug, Default)]
pub struct Styles {
    /// Field names.
    pub key: Ink,
    /// Text.
    pub text: Ink,
    /// Numbers and truth values.
    pub number: Ink,
    /// Null, and bytes that are hidden.
    pub null: Ink,
    /// Names of variants and symbols.
    pub name: Ink,
    /// Bytes.
    pub bytes: Ink,
    /// Escaped characters in untrusted text.
    pub escape: Ink,
    /// What is said beside a value: units, lengths, what was cut.
    pub aside: Ink,
    /// Message types in headlines, column heads.
    pub heading: Ink,
    /// Client to server.
    pub to_server: Ink,
    /// Server to client.
    pub to_client: Ink,
    /// Issues of severity error.
    pub error: Ink,
    /// Issues of severity warning.
    pub warning: Ink,
    /// Issues of severity note.
    pub note: Ink,
    /// Neighbouring fields in a hex view, in turn.
    pub fields: [Ink; 5],
}

impl Styles {
    /// No colour at all, or the standard colours.
    #[must_use]
    pub fn new(colour: bool) -> Self {
        if colour {
            Self::coloured()
        } else {
            Self::default()
        }
    }

    fn coloured() -> Self {
        let plain = Style::new();
        Self {
            key: Ink::new(plain.blue().bold()),
            text: Ink::new(plain.green()),
            number: Ink::new(plain.default_color()),
            null: Ink::new(plain.black().bold()),
            name: Ink::new(plain.green()),
            bytes: Ink::new(plain.yellow()),
            escape: Ink::new(plain.magenta()),
            aside: Ink::new(plain.dimmed()),
            heading: Ink::new(plain.bold()),
            to_server: Ink::new(plain.cyan()),
            to_client: Ink::new(plain.magenta()),
            error: Ink::new(plain.red().bold()),
            warning: Ink::new(plain.yellow().bold()),
            note: Ink::new(plain.cyan().bold()),
            fields: [
                Ink::new(plain.cyan()),
                Ink::new(plain.green()),
                Ink::new(plain.yellow()),
                Ink::new(plain.blue()),
                Ink::new(plain.magenta()),
            ],
        }
    }

    /// The ink of a severity.
    #[must_use]
    pub fn severity(&self, severity: crate::model::Severity) -> &Ink {
        match severity {
            crate::model::Severity::Error => &self.error,
            crate::model::Severity::Warning => &self.warning,
            crate::model::Severity::Note => &self.note,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_colours_of_jq() {
        let styles = Styles::new(true);
        assert_eq!(styles.key.start(), "\x1b[34;1m");
        assert_eq!(styles.text.start(), "\x1b[32m");
        assert_eq!(styles.number.start(), "\x1b[39m");
        assert_eq!(styles.null.start(), "\x1b[30;1m");
    }

    #[test]
    fn without_colour_nothing_is_added() {
        let styles = Styles::new(false);
        assert_eq!((styles.error.start(), styles.error.end()), ("", ""));
    }
}
