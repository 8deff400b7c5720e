//! The most changed tensors as columns, and which of them a page has room for.

use crate::deltas::{Change, Deltas, Spectrum, SpectrumOutcome, Status, TensorDelta};
use crate::report::number::{count, share, significant};
use crate::report::text;

/// A column beside the name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) header: &'static str,
    pub(super) right_aligned: bool,
    pub(super) cell: fn(&TensorDelta) -> String,
}

/// What a cell shows where there is nothing to show.
const NOTHING: &str = "–";
/// Columns between two columns.
pub(super) const GAP: usize = 2;
/// A name is given this room before a column is: enough for layer and module of the usual families.
const NAME_ROOM: usize = 27;

const SHAPE: Column =
    Column { header: "shape", right_aligned: true, cell: |tensor| tensor.shape.to_string() };
const DTYPE: Column = Column { header: "dtype", right_aligned: false, cell: dtype };
const RELATIVE_DELTA: Column = Column {
    header: "‖Δ‖/‖W‖",
    right_aligned: true,
    cell: |tensor| number(tensor, |change| change.relative_delta),
};
const RELATIVE_SPECTRAL_NORM: Column = Column {
    header: "σ₁Δ/σ₁W",
    right_aligned: true,
    cell: |tensor| spectrum(tensor, |spectrum| significant(spectrum.relative_spectral_norm, 3)),
};
const RANK: Column = Column { header: "rank", right_aligned: true, cell: |tensor| spectrum(tensor, rank) };
const MAX: Column = Column {
    header: "max |Δ|",
    right_aligned: true,
    cell: |tensor| number(tensor, |change| change.max_abs_delta),
};
const CHANGED: Column = Column { header: "changed", right_aligned: true, cell: changed };

/// Every column, in the order of the page.
pub(super) const COLUMNS: [Column; 7] =
    [SHAPE, DTYPE, RELATIVE_DELTA, RELATIVE_SPECTRAL_NORM, RANK, MAX, CHANGED];
/// What a narrow page goes without, the first to go first.
const DISPENSABLE: [&str; 5] = [CHANGED.header, MAX.header, DTYPE.header, SHAPE.header, RANK.header];

/// Columns, the room of the name, and the dtype where all rows share one and no column needs to show it.
pub(super) struct Layout {
    pub(super) columns: Vec<Column>,
    pub(super) name_room: usize,
    pub(super) shared_dtype: Option<String>,
}

/// The most changed tensors, at most `top`, and how many more there are.
pub(super) fn most_changed(deltas: &Deltas, top: usize) -> (Vec<&TensorDelta>, usize) {
    let changed = || deltas.tensors.iter().filter(|tensor| tensor.status == Status::Changed);
    let rows: Vec<&TensorDelta> = changed().take(top).collect();
    let more = changed().count() - rows.len();
    (rows, more)
}

/// What of the list is not shown: `12 more changed, 127 identical: …`.
pub(super) fn leftovers(deltas: &Deltas, more: usize) -> String {
    let identical = format!("{} identical", count(deltas.summary.tensors_identical as u64));
    match more {
        0 => identical,
        _ => format!("{} more changed, {identical}: use --top or --format json", count(more as u64)),
    }
}

/// Chooses the columns for a page of that width.
pub(super) fn layout(rows: &[&TensorDelta], page_width: usize) -> Layout {
    let mut columns = COLUMNS.to_vec();
    let mut dtypes = rows.iter().map(|tensor| dtype(tensor));
    let first = dtypes.next();
    let shared_dtype = first.filter(|first| dtypes.all(|other| other == *first));
    if shared_dtype.is_some() {
        columns.retain(|column| column.header != DTYPE.header);
    }
    let longest =
        rows.iter().map(|tensor| text::width(&text::name(&tensor.name, usize::MAX))).max().unwrap_or(0);
    let room = |columns: &[Column]| {
        let taken: usize = columns.iter().map(|column| GAP + column_width(column, rows)).sum();
        page_width.saturating_sub(taken)
    };
    for header in DISPENSABLE {
        if room(&columns) >= longest.min(NAME_ROOM) {
            break;
        }
        columns.retain(|column| column.header != header);
    }
    let name_room = room(&columns).max(8);
    Layout { columns, name_room, shared_dtype }
}

fn column_width(column: &Column, rows: &[&TensorDelta]) -> usize {
    rows.iter()
        .map(|tensor| text::width(&(column.cell)(tensor)))
        .max()
        .unwrap_or(0)
        .max(text::width(column.header))
}

fn dtype(tensor: &TensorDelta) -> String {
    match (tensor.dtype_before, tensor.dtype_after) {
        (Some(before), Some(after)) if before != after => format!("{before}→{after}"),
        (Some(dtype), _) | (None, Some(dtype)) => dtype.to_string(),
        (None, None) => NOTHING.to_owned(),
    }
}

fn number(tensor: &TensorDelta, of: impl Fn(&Change) -> f64) -> String {
    tensor.change.as_ref().map_or_else(|| NOTHING.to_owned(), |change| significant(of(change), 3))
}

fn changed(tensor: &TensorDelta) -> String {
    tensor
        .change
        .as_ref()
        .map_or_else(|| NOTHING.to_owned(), |change| share(change.changed_elements, tensor.elements))
}

fn spectrum(tensor: &TensorDelta, of: impl Fn(&Spectrum) -> String) -> String {
    match &tensor.spectrum {
        SpectrumOutcome::Computed(spectrum) => of(spectrum),
        SpectrumOutcome::NotApplicable | SpectrumOutcome::Skipped(_) => NOTHING.to_owned(),
    }
}

fn rank(spectrum: &Spectrum) -> String {
    let bound = if spectrum.numerical_rank_is_lower_bound { "≥" } else { "" };
    format!("{bound}{}", spectrum.numerical_rank)
}
