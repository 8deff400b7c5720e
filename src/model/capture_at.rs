//! Reading one position of each of many rows, with the prefixes that rows share run once.

use super::batches::{BATCH_TOKENS, patches_of, ranges};
use super::cache::Cache;
use super::ops::numbers;
use super::pass::{Pass, Through};
use super::prefixes::{Group, groups};
use super::{Model, ModelError, Patch, Tap};

/// What remains of a row behind the prefix that it shares.
struct Member<'a> {
    /// The caller's row.
    row: usize,
    /// Its group among those of its round.
    group: usize,
    /// Its tokens behind the prefix.
    tokens: &'a [u32],
    /// The position that is read, counted from the first of them.
    at: usize,
}

impl Model {
    /// The taps at one position of each row, `(rows, width)` for each tap.
    pub(super) fn capture_at(
        &self,
        rows: &[Vec<u32>],
        positions: &[usize],
        taps: &[Tap],
        patches: &[Patch],
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let is_causal = self.config().causal;
        let rows = cut(rows, positions, is_causal)?;
        let is_alike = patches.iter().all(|patch| matches!(patch, Patch::PositionEmbedding { .. }));
        let groups = if is_causal && is_alike {
            groups(&rows)
        } else {
            vec![Group { shared: 0, rows: (0..rows.len()).collect() }]
        };
        let mut all: Vec<Vec<f32>> =
            taps.iter().map(|tap| vec![0.0; rows.len() * self.width(tap.site)]).collect();
        let prefixes: Vec<usize> = groups.iter().map(|group| group.shared).collect();
        for round in ranges(&prefixes, BATCH_TOKENS) {
            let groups = groups.get(round).unwrap_or_default();
            let cache = self.run_prefixes(groups, &rows, taps, patches)?;
            let members = members(groups, &rows, positions);
            let lengths: Vec<usize> = members.iter().map(|member| member.tokens.len()).collect();
            for batch in ranges(&lengths, BATCH_TOKENS) {
                // Where patches tell rows apart there is one group, and its members are the rows in their order.
                let patches = patches_of(patches, &batch);
                self.capture_members(
                    members.get(batch).unwrap_or_default(),
                    &cache,
                    taps,
                    &patches,
                    &mut all,
                )?;
            }
        }
        Ok(all)
    }

    /// Keys and values of the prefixes of some groups, through the last layer that is read.
    pub(super) fn run_prefixes(
        &self,
        groups: &[Group],
        rows: &[&[u32]],
        taps: &[Tap],
        patches: &[Patch],
    ) -> Result<Cache, ModelError> {
        let last = taps.iter().map(|tap| tap.layer).max().unwrap_or(0);
        let mut cache = Cache::empty(last + 1, groups.len());
        let prefix = |group: &Group| rows.get(*group.rows.first()?)?.get(..group.shared);
        let prefixes: Vec<&[u32]> = groups.iter().map(|group| prefix(group).unwrap_or_default()).collect();
        if prefixes.iter().any(|prefix| !prefix.is_empty()) {
            let pass = Pass { rows: &prefixes, patches, through: Through::Keys(last), ..Pass::default() };
            self.stack.forward(pass, Some(&mut cache))?;
        }
        Ok(cache)
    }

    /// Runs what remains of some rows behind their prefixes, and puts what is read where it belongs.
    fn capture_members(
        &self,
        members: &[Member<'_>],
        prefixes: &Cache,
        taps: &[Tap],
        patches: &[Patch],
        all: &mut [Vec<f32>],
    ) -> Result<(), ModelError> {
        let rows: Vec<&[u32]> = members.iter().map(|member| member.tokens).collect();
        let at: Vec<usize> = members.iter().map(|member| member.at).collect();
        let groups: Vec<usize> = members.iter().map(|member| member.group).collect();
        let mut cache = prefixes.branch(&groups);
        let pass =
            Pass { rows: &rows, taps, at: Some(&at), patches, through: Through::Read, ..Pass::default() };
        let outcome = self.stack.forward(pass, Some(&mut cache))?;
        for (all, found) in all.iter_mut().zip(outcome.found) {
            let width = found.dim(1)?;
            for (member, read) in members.iter().zip(numbers::<f32>(&found)?.chunks_exact(width)) {
                if let Some(slot) = all.get_mut(member.row * width..(member.row + 1) * width) {
                    slot.copy_from_slice(read);
                }
            }
        }
        Ok(())
    }
}

/// The rows of some groups behind their prefixes, group by group.
fn members<'a>(groups: &[Group], rows: &[&'a [u32]], positions: &[usize]) -> Vec<Member<'a>> {
    let of_group = |(group, Group { shared, rows: members }): (usize, &Group)| {
        let member = |row: &usize| {
            let tokens = rows.get(*row)?.get(*shared..)?;
            let at = positions.get(*row)?.checked_sub(*shared)?;
            Some(Member { row: *row, group, tokens, at })
        };
        members.iter().filter_map(member).collect::<Vec<_>>()
    };
    groups.iter().enumerate().flat_map(of_group).collect()
}

/// The rows as they are run: cut behind the position that is read, where tokens do not look ahead.
fn cut<'a>(rows: &'a [Vec<u32>], positions: &[usize], is_causal: bool) -> Result<Vec<&'a [u32]>, ModelError> {
    if positions.len() != rows.len() {
        let (found, needed) = (positions.len(), rows.len());
        return Err(ModelError::Mismatch { what: "positions, one a row", found, needed });
    }
    let cut = rows.iter().zip(positions).map(|(row, position)| {
        let outside = ModelError::Mismatch {
            what: "a position of a row, counted from 0",
            found: *position,
            needed: row.len() - 1,
        };
        let seen = row.get(..=*position).ok_or(outside)?;
        Ok(if is_causal { seen } else { row.as_slice() })
    });
    cut.collect()
}
