//! What was expected of an edit, and whether it holds.
//!
//! ```text
//! asked for            holds where
//! expect PATTERN       at least one match changed, and no value of the pair is newly non-finite
//! expect_rank N        some matrix (that a pattern matches, if there is one) changed, each of them by rank N
//! forbid_others        every tensor that no pattern matches is identical
//! expect_changed       at least one tensor changed
//! expect_identical     every tensor of either side is identical
//! ```
//!
//! Changed means the same name and shape with another value; a tensor that was added, removed or reshaped is
//! not changed, but neither is it identical.

use std::borrow::Cow;

use super::{Expectation, NamePattern, SpectrumOutcome, Status, Summary, TensorDelta};
use crate::tensor::{Printable, counted, listed};

/// Names that are offered where a pattern matches none.
const HINTS: usize = 3;

/// What the caller expects of a pair of checkpoints. The default expects nothing.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// Tensors that have to change: of those that a pattern matches, at least one.
    pub expect: Vec<NamePattern>,
    /// The numerical rank that the change of every changed matrix has to have (of those that `expect` matches, where
    /// it is given).
    pub expect_rank: Option<usize>,
    /// No tensor outside `expect` may change, come, go or take another shape.
    pub forbid_others: bool,
    /// At least one value has to differ.
    pub expect_changed: bool,
    /// No value may differ, and no tensor may come, go or take another shape.
    pub expect_identical: bool,
}

/// Holds a comparison against a receipt: one expectation for each thing asked for, in the order of its fields.
///
/// New non-finite values anywhere fail every `expect`: an edit that broke the model did not land. A pattern that
/// matches nothing fails and names the nearest. A rank that was not computed, or counted only up to a cap, fails
/// `expect_rank` with the reason: what is not known does not hold. Where one side's names carry a prefix, a pattern
/// may be written in the names of either side.
pub fn check(receipt: &Receipt, summary: &Summary, tensors: &[TensorDelta]) -> Vec<Expectation> {
    let pair = Pair { summary, tensors };
    let mut expectations: Vec<Expectation> =
        receipt.expect.iter().map(|pattern| pair.expect(pattern)).collect();
    expectations.extend(receipt.expect_rank.map(|rank| pair.expect_rank(&receipt.expect, rank)));
    if receipt.forbid_others {
        expectations.push(pair.forbid_others(&receipt.expect));
    }
    if receipt.expect_changed {
        expectations.push(pair.expect_changed());
    }
    if receipt.expect_identical {
        expectations.push(pair.expect_identical());
    }
    expectations
}

/// The comparison that is held against a receipt.
struct Pair<'a> {
    summary: &'a Summary,
    tensors: &'a [TensorDelta],
}

impl Pair<'_> {
    fn expect(&self, pattern: &NamePattern) -> Expectation {
        let matches: Vec<&TensorDelta> =
            self.tensors.iter().filter(|tensor| self.fits(pattern, tensor)).collect();
        let changed = matches.iter().filter(|tensor| tensor.status == Status::Changed).count();
        let found = if matches.is_empty() {
            format!("no tensor has such a name{}", self.hint(pattern))
        } else {
            let mut found = format!("{changed} of {} changed", counted(matches.len(), "tensor", "tensors"));
            found.extend(odd_fates(&matches));
            found.extend(self.new_nonfinite());
            found
        };
        let held = changed > 0 && self.summary.new_nonfinite == 0;
        Expectation { expect: format!("--expect {pattern}"), held, found }
    }

    /// Whether a pattern stands for a tensor by its name on either side.
    fn fits(&self, pattern: &NamePattern, tensor: &TensorDelta) -> bool {
        pattern.matches(&tensor.name) || self.name_after(tensor).is_some_and(|name| pattern.matches(&name))
    }

    /// The tensor's name on the after side, where a prefix makes it another.
    fn name_after<'t>(&self, tensor: &'t TensorDelta) -> Option<Cow<'t, str>> {
        let renamed = self.summary.renamed_prefix.as_ref()?;
        match tensor.status {
            Status::Added | Status::Removed => None,
            _ if renamed.on_before => tensor.name.strip_prefix(&renamed.prefix).map(Cow::Borrowed),
            _ => Some(Cow::Owned(format!("{}{}", renamed.prefix, tensor.name))),
        }
    }

    /// New non-finite values of the whole pair, in words.
    fn new_nonfinite(&self) -> Option<String> {
        let count = self.summary.new_nonfinite;
        let broken = self.tensors.iter().filter(|t| t.change.as_ref().is_some_and(|c| c.new_nonfinite > 0));
        let names = listed(broken.map(|tensor| tensor.name.as_str()));
        (count > 0).then(|| {
            let values = if count == 1 { "value is" } else { "values are" };
            format!(", but {count} {values} no longer finite: {names}")
        })
    }

    /// The names that share the most parts with a pattern that matched none.
    fn hint(&self, pattern: &NamePattern) -> String {
        let wanted: Vec<&str> =
            pattern.as_str().split('.').filter(|part| part.contains(char::is_alphanumeric)).collect();
        let mut near: Vec<(usize, &str)> = self
            .tensors
            .iter()
            .map(|tensor| {
                let parts: Vec<&str> = tensor.name.split('.').collect();
                (wanted.iter().filter(|part| parts.contains(part)).count(), tensor.name.as_str())
            })
            .filter(|(shared, _)| *shared > 0)
            .collect();
        near.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        near.truncate(HINTS);
        if near.is_empty() {
            String::new()
        } else {
            format!("; near: {}", listed(near.into_iter().map(|n| n.1)))
        }
    }

    fn expect_rank(&self, patterns: &[NamePattern], rank: usize) -> Expectation {
        let matrices: Vec<&TensorDelta> = self
            .tensors
            .iter()
            .filter(|tensor| tensor.status == Status::Changed && tensor.shape.matrix().is_some())
            .filter(|tensor| patterns.is_empty() || self.any_fits(patterns, tensor))
            .collect();
        let wrong: Vec<String> = matrices.iter().filter_map(|tensor| wrong_rank(tensor, rank)).collect();
        let found = match (matrices.len(), wrong.is_empty()) {
            (0, _) => "no matrix changed".to_owned(),
            (count, true) => {
                format!("{} of rank {rank}", counted(count, "changed matrix", "changed matrices"))
            }
            (count, false) => format!(
                "{} of {}: {}",
                wrong.len(),
                counted(count, "changed matrix", "changed matrices"),
                listed(wrong.iter().map(String::as_str)),
            ),
        };
        let held = !matrices.is_empty() && wrong.is_empty();
        Expectation { expect: format!("--expect-rank {rank}"), held, found }
    }

    fn any_fits(&self, patterns: &[NamePattern], tensor: &TensorDelta) -> bool {
        patterns.iter().any(|pattern| self.fits(pattern, tensor))
    }

    fn forbid_others(&self, patterns: &[NamePattern]) -> Expectation {
        let others = self.differing(|tensor| !self.any_fits(patterns, tensor));
        let found = if others.is_empty() { "nothing else differs".to_owned() } else { differs(&others) };
        Expectation { expect: "--forbid-others".into(), held: others.is_empty(), found }
    }

    fn expect_changed(&self) -> Expectation {
        let changed = self.tensors.iter().filter(|tensor| tensor.status == Status::Changed).count();
        let found =
            format!("{changed} of {} changed", counted(self.summary.tensors_compared, "tensor", "tensors"));
        Expectation { expect: "--expect-changed".into(), held: changed > 0, found }
    }

    fn expect_identical(&self) -> Expectation {
        let others = self.differing(|_| true);
        let found = if others.is_empty() { "nothing differs".to_owned() } else { differs(&others) };
        Expectation { expect: "--expect-identical".into(), held: others.is_empty(), found }
    }

    /// Tensors that are not the same on both sides, each with what became of it.
    fn differing(&self, among: impl Fn(&TensorDelta) -> bool) -> Vec<String> {
        let differs =
            self.tensors.iter().filter(|tensor| tensor.status != Status::Identical && among(tensor));
        differs.map(fate).collect()
    }
}

/// `2 tensors differ: a (changed), b (added)`.
fn differs(fates: &[String]) -> String {
    let verb = if fates.len() == 1 { "differs" } else { "differ" };
    format!(
        "{} {verb}: {}",
        counted(fates.len(), "tensor", "tensors"),
        listed(fates.iter().map(String::as_str))
    )
}

/// What became of tensors that neither changed nor stayed.
fn odd_fates(tensors: &[&TensorDelta]) -> Option<String> {
    let odd = tensors.iter().filter(|tensor| !matches!(tensor.status, Status::Changed | Status::Identical));
    let odd: Vec<String> = odd.map(|tensor| fate(tensor)).collect();
    (!odd.is_empty()).then(|| format!(", {}", listed(odd.iter().map(String::as_str))))
}

/// A tensor's name with what became of it.
fn fate(tensor: &TensorDelta) -> String {
    let became = match tensor.status {
        Status::Identical => "identical",
        Status::Changed => "changed",
        Status::Added => "added",
        Status::Removed => "removed",
        Status::Reshaped => "reshaped",
    };
    format!("{} ({became})", Printable(&tensor.name))
}

/// Why the change of a matrix is not known to have that rank; `None` where it has.
fn wrong_rank(tensor: &TensorDelta, rank: usize) -> Option<String> {
    let name = Printable(&tensor.name);
    match &tensor.spectrum {
        SpectrumOutcome::Computed(spectrum) => {
            let capped = spectrum.numerical_rank_is_lower_bound;
            let at_least = if capped { "at least " } else { "" };
            (capped || spectrum.numerical_rank != rank)
                .then(|| format!("{name} has rank {at_least}{}", spectrum.numerical_rank))
        }
        SpectrumOutcome::Skipped(why) => Some(format!("{name} has no known rank ({why})")),
        SpectrumOutcome::NotApplicable => {
            Some(format!("{name} has no known rank (no spectrum was asked for)"))
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::super::RenamedPrefix;
    use super::super::sample::{EDITED, changed, identical, one_sided, summary_of};
    use super::*;

    fn patterns<const N: usize>(texts: [&str; N]) -> Vec<NamePattern> {
        texts.map(|text| text.parse().unwrap()).into()
    }

    /// The one expectation of a receipt, against one pair.
    fn only(receipt: &Receipt, tensors: &[TensorDelta]) -> (bool, String) {
        let found = check(receipt, &summary_of(tensors), tensors);
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].held, found[0].found.clone())
    }

    fn expect(text: &str, tensors: &[TensorDelta]) -> (bool, String) {
        only(&Receipt { expect: patterns([text]), ..Receipt::default() }, tensors)
    }

    fn edited() -> Vec<TensorDelta> {
        vec![
            changed(EDITED),
            identical("transformer.h.17.mlp.c_fc.weight"),
            identical("transformer.wte.weight"),
        ]
    }

    #[test]
    fn an_empty_receipt_expects_nothing() {
        assert_eq!(check(&Receipt::default(), &summary_of(&edited()), &edited()), []);
    }

    #[test]
    fn every_expectation_is_reported_as_it_was_typed_and_in_order() {
        let receipt = Receipt {
            expect: patterns(["transformer.h.17.mlp.c_proj", "*.wte.*"]),
            expect_rank: Some(1),
            forbid_others: true,
            expect_changed: true,
            expect_identical: true,
        };
        let found = check(&receipt, &summary_of(&edited()), &edited());
        let told: Vec<(&str, bool)> = found.iter().map(|e| (e.expect.as_str(), e.held)).collect();
        assert_eq!(
            told,
            [
                ("--expect transformer.h.17.mlp.c_proj", true),
                ("--expect *.wte.*", false),
                ("--expect-rank 1", true),
                ("--forbid-others", true),
                ("--expect-changed", true),
                ("--expect-identical", false),
            ]
        );
    }

    #[test]
    fn one_changed_match_is_enough_and_the_matches_are_counted() {
        assert_eq!(expect("transformer.h.17.mlp.*", &edited()), (true, "1 of 2 tensors changed".into()));
        assert_eq!(expect("transformer.wte", &edited()), (false, "0 of 1 tensor changed".into()));
    }

    #[test]
    fn a_match_that_came_or_went_is_told_and_does_not_count() {
        let tensors = [one_sided("h.0.x", Status::Removed), one_sided("h.1.x", Status::Reshaped)];
        assert_eq!(
            expect("h.*", &tensors),
            (false, "0 of 2 tensors changed, h.0.x (removed), h.1.x (reshaped)".into())
        );
    }

    #[test]
    fn a_pattern_without_a_match_fails_and_names_the_nearest() {
        let (held, found) = expect("transformer.h.17.mlp.c_prj.weight", &edited());
        assert!(!held);
        assert_eq!(
            found,
            "no tensor has such a name; near: transformer.h.17.mlp.c_fc.weight, transformer.h.17.mlp.c_proj.weight, \
             transformer.wte.weight"
        );
        assert_eq!(expect("zzz", &edited()), (false, "no tensor has such a name".into()));
        assert_eq!(expect("*", &[]), (false, "no tensor has such a name".into()));
    }

    #[test]
    fn new_non_finite_values_anywhere_fail_the_expectation() {
        let mut tensors = edited();
        tensors.push(changed("transformer.h.3.ln_1.weight").with_change(|change| change.new_nonfinite = 4));
        let (held, found) = expect(EDITED, &tensors);
        assert!(!held);
        assert_eq!(
            found,
            "1 of 1 tensor changed, but 4 values are no longer finite: transformer.h.3.ln_1.weight"
        );
    }

    #[test]
    fn a_pattern_may_be_in_the_names_of_either_side() {
        let receipt = Receipt { expect: patterns(["transformer.h.0.w"]), ..Receipt::default() };
        let held = |name: &str, on_before| {
            let tensors = [changed(name)];
            let renamed_prefix = Some(RenamedPrefix { prefix: "transformer.".into(), on_before });
            check(&receipt, &Summary { renamed_prefix, ..summary_of(&tensors) }, &tensors)[0].held
        };
        assert!(held("h.0.w", false) && held("transformer.h.0.w", true));
        assert!(!held("h.0.w", true));
        let gone = [one_sided("h.0.w", Status::Removed)];
        let renamed_prefix = Some(RenamedPrefix { prefix: "transformer.".into(), on_before: false });
        let told = check(&receipt, &Summary { renamed_prefix, ..summary_of(&gone) }, &gone);
        assert!(told[0].found.starts_with("no tensor has such a name"), "{told:?}");
        let short = Receipt { expect: patterns(["h.0.w"]), ..Receipt::default() };
        let tensors = [changed("transformer.h.0.w")];
        let renamed_prefix = Some(RenamedPrefix { prefix: "transformer.".into(), on_before: true });
        assert!(check(&short, &Summary { renamed_prefix, ..summary_of(&tensors) }, &tensors)[0].held);
        assert!(!check(&short, &summary_of(&tensors), &tensors)[0].held);
    }

    #[test]
    fn the_rank_of_every_changed_matrix_has_to_be_the_expected_one() {
        let one = Receipt { expect_rank: Some(1), ..Receipt::default() };
        let bias = changed("h.17.mlp.c_proj.bias").into_vector();
        assert_eq!(only(&one, &[changed(EDITED), bias.clone()]), (true, "1 changed matrix of rank 1".into()));
        assert_eq!(
            only(&one, &[changed(EDITED), changed("h.3.w").with_rank(5)]),
            (false, "1 of 2 changed matrices: h.3.w has rank 5".into())
        );
        assert_eq!(only(&one, &[identical(EDITED), bias]), (false, "no matrix changed".into()));
    }

    #[test]
    fn the_rank_is_asked_of_the_expected_tensors_only() {
        let receipt = Receipt { expect: patterns([EDITED]), expect_rank: Some(1), ..Receipt::default() };
        let tensors = [changed(EDITED), changed("h.3.w").with_rank(5)];
        assert!(check(&receipt, &summary_of(&tensors), &tensors).iter().all(|expectation| expectation.held));
    }

    #[test]
    fn a_rank_that_is_not_known_does_not_hold() {
        let receipt = Receipt { expect_rank: Some(8), ..Receipt::default() };
        let capped =
            changed("a").with_rank(8).with_spectrum(|spectrum| spectrum.numerical_rank_is_lower_bound = true);
        assert_eq!(only(&receipt, &[capped]), (false, "1 of 1 changed matrix: a has rank at least 8".into()));
        let with = |spectrum| TensorDelta { spectrum, ..changed("a") };
        let (held, found) =
            only(&receipt, &[with(SpectrumOutcome::Skipped("its values are not finite".into()))]);
        assert!(!held && found.ends_with("a has no known rank (its values are not finite)"), "{found}");
        let (held, found) = only(&receipt, &[with(SpectrumOutcome::NotApplicable)]);
        assert!(!held && found.ends_with("(no spectrum was asked for)"), "{found}");
    }

    #[test]
    fn others_may_not_change_come_go_or_take_another_shape() {
        let receipt = |texts: &[&str]| Receipt {
            expect: texts.iter().map(|text| text.parse().unwrap()).collect(),
            forbid_others: true,
            ..Receipt::default()
        };
        let last = |receipt: &Receipt, tensors: &[TensorDelta]| {
            let last = check(receipt, &summary_of(tensors), tensors).pop().unwrap();
            (last.held, last.found)
        };
        assert_eq!(last(&receipt(&[EDITED]), &edited()), (true, "nothing else differs".into()));
        for status in [Status::Changed, Status::Added, Status::Removed, Status::Reshaped] {
            let tensors = [changed(EDITED), one_sided("other", status)];
            let (held, found) = last(&receipt(&[EDITED]), &tensors);
            assert!(!held && found.starts_with("1 tensor differs: other ("), "{found}");
        }
        let (held, found) = last(&receipt(&[]), &edited());
        assert_eq!((held, found), (false, format!("1 tensor differs: {EDITED} (changed)")));
    }

    #[test]
    fn a_pair_in_which_nothing_changed_fails_expect_changed() {
        let receipt = Receipt { expect_changed: true, ..Receipt::default() };
        assert_eq!(
            only(&receipt, &[identical("a"), identical("b")]),
            (false, "0 of 2 tensors changed".into())
        );
        assert_eq!(only(&receipt, &edited()), (true, "1 of 3 tensors changed".into()));
        // A tensor that came is no edit that landed.
        assert!(!only(&receipt, &[identical("a"), one_sided("b", Status::Added)]).0);
    }

    #[test]
    fn expect_identical_fails_on_any_difference_and_names_it() {
        let receipt = Receipt { expect_identical: true, ..Receipt::default() };
        assert_eq!(only(&receipt, &[identical("a")]), (true, "nothing differs".into()));
        let tensors = [changed("a\u{1b}[2J"), one_sided("b", Status::Added), identical("c")];
        assert_eq!(
            only(&receipt, &tensors),
            (false, "2 tensors differ: a\\x1b[2J (changed), b (added)".into())
        );
    }
}
