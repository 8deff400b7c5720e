//! What callers hand in, held against the model before anything runs.

use super::{Model, ModelError, Patch, Site, Tap};

impl Model {
    /// Whether the model has that layer.
    pub(super) fn check_layer(&self, layer: usize) -> Result<(), ModelError> {
        let layers = self.config().layers;
        if layer < layers { Ok(()) } else { Err(ModelError::NoLayer { layer, layers }) }
    }

    /// Whether the model has the taps' layers.
    pub(super) fn check_taps(&self, taps: &[Tap]) -> Result<(), ModelError> {
        taps.iter().try_for_each(|tap| self.check_layer(tap.layer))
    }

    /// Whether every row has tokens, fits into the context and holds none but known tokens.
    pub(super) fn check_rows(&self, rows: &[Vec<u32>]) -> Result<(), ModelError> {
        let vocabulary = self.config().vocabulary;
        for (row, tokens) in rows.iter().enumerate() {
            if tokens.is_empty() {
                return Err(ModelError::EmptyRow { row });
            }
            if let Some(context) = self.config().context_length.filter(|context| tokens.len() > *context) {
                return Err(ModelError::TooLong { row, tokens: tokens.len(), context });
            }
            let unknown = tokens.iter().position(|token| *token as usize >= vocabulary);
            if let Some((position, token)) = unknown.and_then(|at| Some((at, *tokens.get(at)?))) {
                return Err(ModelError::UnknownToken { row, position, token, vocabulary });
            }
        }
        Ok(())
    }

    /// Whether every row, its continuation but the last token included, fits into the context.
    pub(super) fn check_continuation(&self, rows: &[Vec<u32>], new_tokens: usize) -> Result<(), ModelError> {
        let Some(context) = self.config().context_length else { return Ok(()) };
        for (row, tokens) in rows.iter().enumerate() {
            let tokens = tokens.len().saturating_add(new_tokens.saturating_sub(1));
            if tokens > context {
                return Err(ModelError::TooLong { row, tokens, context });
            }
        }
        Ok(())
    }

    /// Whether patches name rows, positions, layers and lengths that there are.
    pub(super) fn check_patches(&self, rows: &[Vec<u32>], patches: &[Patch]) -> Result<(), ModelError> {
        for patch in patches {
            match patch {
                Patch::Add { tap, positions, vector } => {
                    self.check_site(*tap)?;
                    must_equal("positions of a patch, one a row", positions.len(), rows.len())?;
                    self.check_length(vector.elem_count())?;
                    for (row, position) in positions.iter().enumerate() {
                        position.map_or(Ok(()), |position| check_place(rows, row, position))?;
                    }
                }
                Patch::Embedding { noise } => self.check_vectors(rows, noise)?,
                Patch::Restore { tap, states } => {
                    self.check_site(*tap)?;
                    self.check_vectors(rows, states)?;
                }
                Patch::PositionEmbedding { position, by } => {
                    let context = self.config().context_length.unwrap_or(0);
                    for position in [*position, *by] {
                        if position >= context {
                            let what = "a position that has an embedding";
                            return Err(ModelError::Mismatch { what, found: position, needed: context });
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn check_vectors(
        &self,
        rows: &[Vec<u32>],
        vectors: &[(usize, usize, Vec<f32>)],
    ) -> Result<(), ModelError> {
        vectors.iter().try_for_each(|(row, position, vector)| {
            check_place(rows, *row, *position)?;
            self.check_length(vector.len())
        })
    }

    fn check_site(&self, tap: Tap) -> Result<(), ModelError> {
        self.check_layer(tap.layer)?;
        match tap.site {
            Site::Key => must_equal(
                "length of what a patched site gives out",
                self.config().intermediate_size,
                self.config().hidden_size,
            ),
            Site::Value | Site::Attention | Site::Block => Ok(()),
        }
    }

    fn check_length(&self, found: usize) -> Result<(), ModelError> {
        must_equal("length of a patch's vector", found, self.config().hidden_size)
    }
}

fn check_place(rows: &[Vec<u32>], row: usize, position: usize) -> Result<(), ModelError> {
    match rows.get(row) {
        None => Err(ModelError::Mismatch { what: "row of a patch", found: row, needed: rows.len() }),
        Some(tokens) if position >= tokens.len() => Err(ModelError::Mismatch {
            what: "position of a patch",
            found: position,
            needed: tokens.len() - 1,
        }),
        Some(_) => Ok(()),
    }
}

fn must_equal(what: &'static str, found: usize, needed: usize) -> Result<(), ModelError> {
    if found == needed { Ok(()) } else { Err(ModelError::Mismatch { what, found, needed }) }
}
