//! What a model says of given continuations: how likely each token is, and which it would have said itself.
//!
//! Many rows go on from one prompt (two targets, several choices), and many prompts from one text (a context before each).
//! Everything is run once: what prompts share, what is left of each prompt, and last the continuations.

use std::iter::zip;

use candle_core::Tensor;

use super::batches::{BATCH_TOKENS, ranges};
use super::cache::Cache;
use super::nll::{Predicted, predicted};
use super::pass::{Pass, place};
use super::prefixes::groups;
use super::{Model, ModelError, Site, Tap};

/// A prompt and what follows it.
struct Prompt<'a> {
    tokens: &'a [u32],
    /// The caller's rows that begin with it, each with its tokens behind it; none is empty.
    continuations: Vec<(usize, &'a [u32])>,
}

/// A prompt of a round.
struct Member<'a> {
    prompt: &'a Prompt<'a>,
    /// Its group among those of the round.
    group: usize,
    /// Its tokens behind what its group shares.
    own: &'a [u32],
}

impl Model {
    /// What the model predicts in the place of each token of a row from `from[row]` on: `−ln p` of that token in nats, and
    /// the token that it finds most probable.
    ///
    /// Rows next to each other that are the same before `from` share that part. Logits are formed at the asked places
    /// alone. Memory: keys and values of some thousand tokens, and 64 MiB of logits.
    ///
    /// Degenerate: nothing from `from` on gives an empty list.
    ///
    /// # Errors
    /// As [`Self::capture`]; where a row has nothing before `from`, or the architecture is an encoder.
    pub fn predictions(&self, rows: &[Vec<u32>], from: &[usize]) -> Result<Vec<Vec<Predicted>>, ModelError> {
        self.check_rows(rows)?;
        if !self.config().causal {
            return Err(ModelError::NoHead { path: self.path().to_owned() });
        }
        let prompts = prompts(rows, from)?;
        let tokens: Vec<&[u32]> = prompts.iter().map(|prompt| prompt.tokens).collect();
        let groups = groups(&tokens);
        let through = [Tap { layer: self.config().layers.saturating_sub(1), site: Site::Block }];
        let mut all = vec![Vec::new(); rows.len()];
        let shared: Vec<usize> = groups.iter().map(|group| group.shared).collect();
        for round in ranges(&shared, BATCH_TOKENS) {
            let groups = groups.get(round).unwrap_or_default();
            let before = self.run_prefixes(groups, &tokens, &through, &[])?;
            let members: Vec<Member<'_>> = zip(0.., groups)
                .flat_map(|(group, found)| found.rows.iter().map(move |at| (group, found.shared, *at)))
                .filter_map(|(group, shared, at)| {
                    let prompt = prompts.get(at)?;
                    Some(Member { prompt, group, own: prompt.tokens.get(shared..)? })
                })
                .collect();
            let lengths: Vec<usize> = members.iter().map(Member::tokens).collect();
            for batch in ranges(&lengths, BATCH_TOKENS) {
                self.predict(members.get(batch).unwrap_or_default(), &before, &mut all)?;
            }
        }
        Ok(all)
    }

    /// Runs some prompts behind what they share, then their continuations behind them.
    fn predict(
        &self,
        members: &[Member<'_>],
        before: &Cache,
        all: &mut [Vec<Predicted>],
    ) -> Result<(), ModelError> {
        let groups: Vec<usize> = members.iter().map(|member| member.group).collect();
        let own: Vec<&[u32]> = members.iter().map(|member| member.own).collect();
        let mut cache = before.branch(&groups);
        let stream = self.stream(&own, &mut cache)?;
        let (mut ends, mut rows, mut firsts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut parents, mut longer, mut inputs, mut targets) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut end = 0;
        for (at, member) in members.iter().enumerate() {
            end += member.own.len();
            for (row, tokens) in &member.prompt.continuations {
                let (Some((first, rest)), Some((_, but_last))) = (tokens.split_first(), tokens.split_last())
                else {
                    continue;
                };
                ends.push(place(end - 1));
                rows.push(*row);
                firsts.push(*first);
                if !rest.is_empty() {
                    parents.push(at);
                    longer.push(*row);
                    inputs.push(but_last);
                    targets.extend(rest);
                }
            }
        }
        let ends = Tensor::new(ends, stream.device())?;
        let found = predicted(&self.stack, &stream.index_select(&ends, 0)?, &firsts)?;
        for (row, found) in zip(rows, found) {
            all.get_mut(row).into_iter().for_each(|row| row.push(found));
        }
        if inputs.is_empty() {
            return Ok(());
        }
        let stream = self.stream(&inputs, &mut cache.branch(&parents))?;
        let mut found = predicted(&self.stack, &stream, &targets)?.into_iter();
        for (row, tokens) in zip(longer, inputs) {
            all.get_mut(row).into_iter().for_each(|row| row.extend(found.by_ref().take(tokens.len())));
        }
        Ok(())
    }

    /// The residual stream behind the last block at every token of some rows.
    fn stream(&self, rows: &[&[u32]], cache: &mut Cache) -> Result<Tensor, ModelError> {
        let stream = self.stack.forward(Pass { rows, ..Pass::default() }, Some(cache))?.stream;
        Ok(stream.ok_or_else(|| candle_core::Error::msg("the pass ended before the last block"))?)
    }
}

impl Member<'_> {
    /// Tokens that are run for it, of the prompt and of what follows.
    fn tokens(&self) -> usize {
        self.own.len() + self.prompt.continuations.iter().map(|(_, tokens)| tokens.len()).sum::<usize>()
    }
}

/// Rows cut where their continuation begins; neighbours of the same prompt together.
fn prompts<'a>(rows: &'a [Vec<u32>], from: &[usize]) -> Result<Vec<Prompt<'a>>, ModelError> {
    if rows.len() != from.len() {
        let (found, needed) = (from.len(), rows.len());
        return Err(ModelError::Mismatch { what: "positions, one a row", found, needed });
    }
    let mut prompts: Vec<Prompt<'a>> = Vec::new();
    for (at, (row, from)) in zip(rows, from).enumerate() {
        let outside = ModelError::Mismatch {
            what: "a position behind the first token of a row",
            found: *from,
            needed: row.len(),
        };
        let (tokens, behind) =
            row.split_at_checked(*from).filter(|(prompt, _)| !prompt.is_empty()).ok_or(outside)?;
        if behind.is_empty() {
            continue;
        }
        match prompts.last_mut().filter(|last| last.tokens == tokens) {
            Some(last) => last.continuations.push((at, behind)),
            None => prompts.push(Prompt { tokens, continuations: vec![(at, behind)] }),
        }
    }
    Ok(prompts)
}

#[cfg(test)]
mod tests;
