//! The heat map: tokens (or regions) down, layers across, one panel a kind. Laid out here for text.
//!
//! Shades are shares of the largest effect in all panels, so that panels can be held against each other.

use std::io::{self, Write};

use ndarray::Array2;

use crate::report::text;
use crate::trace::{CaseTrace, Kind, Region, Summary, TokenAt, Traces};

/// Shades, each from this share of the largest effect on.
const SHADES: [(f64, char); 4] = [(0.75, '█'), (0.5, '▓'), (0.25, '▒'), (0.1, '░')];
/// Columns that a label may take.
const LABEL: usize = 22;
/// Columns of a cell with its number.
const NUMBERED: usize = 6;

/// Every panel.
#[derive(Debug)]
pub(super) struct HeatMap {
    pub(super) panels: Vec<Panel>,
    /// The largest effect of all, 0 where none is above 0.
    pub(super) largest: f64,
}

/// One kind.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    /// One a row, `*` behind those of the subject; escaped.
    pub(super) labels: Vec<String>,
    /// Indirect effects, `(rows, layers)`.
    pub(super) values: Array2<f64>,
}

impl HeatMap {
    /// That of a single case, else of the averages.
    pub(super) fn of(traces: &Traces, summary: &Summary) -> Self {
        let kinds = traces.plan.kinds.iter().enumerate();
        let panel = |(at, &kind): (usize, &Kind)| {
            let (labels, values) = match traces.cases.as_slice() {
                [] => return None,
                [case] => (token_labels(case), case.kinds.get(at)?.effect.clone()),
                _ => averages(kind, summary, traces.layers),
            };
            Some(Panel { title: title(kind, traces.plan.window), labels, values })
        };
        let panels: Vec<Panel> = kinds.filter_map(panel).collect();
        let finite = panels.iter().flat_map(|panel| &panel.values).filter(|x| x.is_finite());
        let largest = finite.fold(0.0, |largest: f64, x| largest.max(*x));
        Self { panels, largest }
    }

    /// Text of at most `width` columns, where the number of layers lets it be.
    pub(super) fn write(&self, width: usize, out: &mut dyn Write) -> io::Result<()> {
        for panel in &self.panels {
            writeln!(out)?;
            for line in text::wrap(&panel.title, width) {
                writeln!(out, "{line}")?;
            }
            for line in panel.lines(self.largest, width) {
                writeln!(out, "{}", line.trim_end())?;
            }
        }
        if self.panels.is_empty() {
            return Ok(());
        }
        let from = |(share, shade): &(f64, char)| format!("{shade} from {:.3}", share * self.largest);
        let shades: Vec<String> = SHADES.iter().rev().map(from).collect();
        let below = -0.1 * self.largest;
        writeln!(out)?;
        let legend =
            format!("{}; - below {below:.3}; ? not a number; * a token of the subject", shades.join(", "));
        text::wrap(&legend, width).iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    /// The same as a block of code.
    pub(super) fn write_markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut map = Vec::new();
        self.write(100, &mut map)?;
        // What would end the block is shown as its escape.
        let map = String::from_utf8_lossy(&map).replace('`', "\\x60");
        if map.is_empty() { Ok(()) } else { writeln!(out, "\n```text\n{}\n```", map.trim_matches('\n')) }
    }
}

/// What a panel shows.
fn title(kind: Kind, window: usize) -> String {
    let around = match window {
        1 => "of the layer named".to_owned(),
        _ => format!("of {window} layers around the one named"),
    };
    match kind {
        Kind::Hidden => "One hidden state put back".to_owned(),
        Kind::Mlp => format!("MLP outputs {around} put back"),
        Kind::Attention => format!("Attention outputs {around} put back"),
    }
}

fn token_labels(case: &CaseTrace) -> Vec<String> {
    let label = |(position, token): (usize, &TokenAt)| {
        let mark = if case.subject_range.contains(&position) { "*" } else { " " };
        format!("{position:>3} {}{mark}", text::name(&token.text, LABEL - 5))
    };
    case.tokens.iter().enumerate().map(label).collect()
}

/// A row a region; one without tokens has no numbers.
fn averages(kind: Kind, summary: &Summary, layers: usize) -> (Vec<String>, Array2<f64>) {
    let own = summary.regions.iter().filter(|mean| mean.kind == kind && mean.tokens > 0);
    let words = |region: Region| match region {
        Region::FirstSubject => "first subject token*",
        Region::MiddleSubject => "middle of subject*",
        Region::LastSubject => "last subject token*",
        Region::FirstAfter => "first behind it",
        Region::Further => "further tokens",
        Region::Last => "last token",
    };
    let (labels, rows): (Vec<_>, Vec<_>) =
        own.map(|mean| (words(mean.region).to_owned(), &mean.effect)).unzip();
    let at = |(row, layer): (usize, usize)| {
        rows.get(row).and_then(|row: &&Vec<f64>| row.get(layer)).copied().unwrap_or(f64::NAN)
    };
    let values = Array2::from_shape_fn((labels.len(), layers), at);
    (labels, values)
}

/// How dark an effect is.
fn shade(effect: f64, largest: f64) -> char {
    if effect.is_nan() {
        return '?';
    }
    if largest > 0.0 && effect < -0.1 * largest {
        return '-';
    }
    let reached = SHADES.iter().find(|(share, _)| largest > 0.0 && effect >= share * largest);
    reached.map_or(' ', |(_, shade)| *shade)
}

impl Panel {
    fn lines(&self, largest: f64, width: usize) -> Vec<String> {
        let layers = self.values.ncols();
        let label = self.labels.iter().map(|label| text::width(label)).max().unwrap_or(0).max(5);
        let room = width.saturating_sub(label + 1) / layers.max(1);
        let cell = if room >= NUMBERED { NUMBERED } else { room.clamp(1, 2) };
        let mut lines = vec![format!("{:label$} {}", "layer", self.header(cell))];
        for (name, row) in self.labels.iter().zip(self.values.rows()) {
            let gap = " ".repeat(label - text::width(name));
            let cells: String = row.iter().map(|&effect| written(effect, largest, cell)).collect();
            lines.push(format!("{name}{gap} {cells}"));
        }
        lines
    }

    /// Numbers of layers above their columns: each, or as many as there is room for.
    fn header(&self, cell: usize) -> String {
        let mut header = String::new();
        let step = if cell == NUMBERED { 1 } else { 5 };
        for layer in (0..self.values.ncols()).step_by(step) {
            let name = layer.to_string();
            // Right above a number, left above shades.
            let end = if cell == NUMBERED { (layer + 1) * cell } else { layer * cell + name.len() };
            header.push_str(&" ".repeat(end.saturating_sub(header.len() + name.len())));
            header.push_str(&name);
        }
        header
    }
}

/// One cell: its shade, and its number where there is room.
fn written(effect: f64, largest: f64, cell: usize) -> String {
    let shade = shade(effect, largest);
    if cell < NUMBERED {
        return shade.to_string().repeat(cell);
    }
    // A number has its own sign, and -0.00 is none.
    let shade = if shade == '-' { ' ' } else { shade };
    let rounded = if effect.abs() < 0.005 { 0.0 } else { effect };
    let number = if effect.is_finite() { format!("{rounded:.2}") } else { String::new() };
    format!("{shade}{number:>5}")
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn panel(layers: usize) -> Panel {
        let values = Array2::from_shape_fn((2, layers), |(row, layer)| (row * layer) as f64 / layers as f64);
        Panel { title: "t".into(), labels: vec!["  0 a*".into(), "  1 模型 ".into()], values }
    }

    #[test]
    fn shades_are_shares_of_the_largest_effect() {
        let shades: String = [0.0, 0.04, 0.05, 0.2, 0.25, 0.4, -0.04, -0.06, f64::NAN]
            .map(|effect| shade(effect, 0.5))
            .iter()
            .collect();
        assert_eq!(shades, "  ░▒▓█ -?");
        assert_eq!([shade(0.0, 0.0), shade(-1.0, 0.0)], [' ', ' ']);
    }

    #[test]
    fn numbers_stand_in_the_cells_where_a_hundred_columns_hold_them() {
        for (layers, numbered) in [(3, true), (12, true), (24, false), (48, false), (80, false)] {
            let lines = panel(layers).lines(1.0, 100);
            assert!(lines.iter().all(|line| text::width(line) <= 100), "{layers}: {lines:?}");
            assert_eq!(lines.iter().any(|line| line.contains("0.")), numbered, "{layers}: {lines:?}");
        }
    }

    #[test]
    fn a_number_has_its_own_sign_and_nothing_is_minus_nothing() {
        let cells = [0.49, -0.001, -0.2, f64::NAN].map(|effect| written(effect, 0.5, NUMBERED));
        assert_eq!(cells, ["█ 0.49", "  0.00", " -0.20", "?     "]);
    }

    #[test]
    fn a_column_stands_under_its_layer() {
        let values = array![[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]];
        let panel = Panel { title: "t".into(), labels: vec!["abcde".into()], values };
        assert_eq!(panel.lines(1.0, 20), ["layer 0         5", "abcde           ██"]);
        assert_eq!(panel.lines(1.0, 12), ["layer 0    5", "abcde      █"]);
    }
}
