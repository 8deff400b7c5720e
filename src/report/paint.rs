//! Colour on a terminal, where there is one.

/// What a colour is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Look at this.
    Warn,
    /// Broken.
    Bad,
    /// A heading.
    Strong,
    /// Beside the point.
    Faint,
}

/// Paints text, or leaves it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Whether ANSI colours are written.
    pub colour: bool,
}

impl Paint {
    /// `text` in the colour of its tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "1;32",
            Tone::Warn => "1;33",
            Tone::Bad => "1;31",
            Tone::Strong => "1",
            Tone::Faint => "2",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
