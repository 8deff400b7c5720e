//! Averages over cases, by where a token stands to the subject.

use super::{CaseTrace, Kind, KindTrace, Traces};
use crate::stats::mean;

/// Where a token stands, as the paper's averages have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// The subject's first token; of a subject of one token, that one.
    FirstSubject,
    /// Tokens of the subject between its first and its last.
    MiddleSubject,
    /// The subject's last token; of a subject of one token, that one as well.
    LastSubject,
    /// The first token behind the subject.
    FirstAfter,
    /// Tokens between that and the last of the prompt.
    Further,
    /// The prompt's last token.
    Last,
}

impl Region {
    /// All, in the order of the text.
    pub const ALL: [Self; 6] = [
        Self::FirstSubject,
        Self::MiddleSubject,
        Self::LastSubject,
        Self::FirstAfter,
        Self::Further,
        Self::Last,
    ];

    /// As records name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstSubject => "first-subject",
            Self::MiddleSubject => "middle-subject",
            Self::LastSubject => "last-subject",
            Self::FirstAfter => "first-after",
            Self::Further => "further",
            Self::Last => "last",
        }
    }

    /// Positions of a case that stand there. Regions may share a position, as in the reference code; a position before the
    /// subject is in none.
    pub fn positions(self, case: &CaseTrace) -> Vec<usize> {
        let (first, after, tokens) = (case.subject_range.start, case.subject_range.end, case.tokens.len());
        let found = match self {
            Self::FirstSubject => first..first + 1,
            Self::MiddleSubject => first + 1..after.saturating_sub(1),
            Self::LastSubject => after.saturating_sub(1)..after,
            Self::FirstAfter => after..after + 1,
            Self::Further => after + 1..tokens.saturating_sub(1),
            Self::Last => tokens.saturating_sub(1)..tokens,
        };
        found.filter(|position| *position < tokens).collect()
    }
}

/// Effects of one kind in one region, averaged over cases.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionMean {
    /// What was put back.
    pub kind: Kind,
    /// Where.
    pub region: Region,
    /// Tokens that were averaged, over all cases.
    pub tokens: usize,
    /// Average indirect effect at each layer; empty where there is no such token.
    pub effect: Vec<f64>,
}

/// Averages over the cases whose every probability is finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Cases that were traced.
    pub cases: usize,
    /// Those with a probability that is NaN; in no average.
    pub nonfinite_cases: usize,
    /// Those whose answer is the first token of `target_true`, and those that have one.
    pub answered: (usize, usize),
    /// Mean probability of the answer without noise; NaN where no case is left, as the next two.
    pub clean: f64,
    /// With noise.
    pub corrupted: f64,
    /// Their difference: the average total effect.
    pub total_effect: f64,
    /// For every kind, every region.
    pub regions: Vec<RegionMean>,
}

impl Traces {
    /// Averages, as the paper has them. Every token of a region counts as one.
    pub fn summary(&self) -> Summary {
        let sound: Vec<&CaseTrace> = self.cases.iter().filter(|case| case.nonfinite() == 0).collect();
        let average = |of: fn(&CaseTrace) -> f64| {
            mean(&sound.iter().map(|case| of(case)).collect::<Vec<_>>()).unwrap_or(f64::NAN)
        };
        let judged = || self.cases.iter().filter_map(|case| case.answer_is_true);
        let regions = self.plan.kinds.iter().enumerate().flat_map(|(at, &kind)| {
            let sound = &sound;
            Region::ALL.map(move |region| region_mean(sound, at, kind, region, self.layers))
        });
        Summary {
            cases: self.cases.len(),
            nonfinite_cases: self.cases.len() - sound.len(),
            answered: (judged().filter(|is_true| *is_true).count(), judged().count()),
            clean: average(|case| case.clean),
            corrupted: average(|case| case.corrupted),
            total_effect: average(CaseTrace::total_effect),
            regions: regions.collect(),
        }
    }
}

fn region_mean(cases: &[&CaseTrace], at: usize, kind: Kind, region: Region, layers: usize) -> RegionMean {
    let (mut sums, mut tokens) = (vec![0.0; layers], 0);
    for case in cases {
        let Some(KindTrace { effect, .. }) = case.kinds.get(at) else { continue };
        for position in region.positions(case) {
            tokens += 1;
            sums.iter_mut().zip(effect.row(position)).for_each(|(sum, effect)| *sum += effect);
        }
    }
    let effect = if tokens == 0 { Vec::new() } else { sums.iter().map(|sum| sum / tokens as f64).collect() };
    RegionMean { kind, region, tokens, effect }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use std::ops::Range;

    use ndarray::Array2;

    use super::super::{AnswerChoice, NoiseFacts, NoiseScale, TokenAt, TracePlan};
    use super::*;

    /// A case whose effect at a position is its number.
    fn case(tokens: usize, subject_range: Range<usize>, clean: f64) -> CaseTrace {
        let token = TokenAt { id: 0, text: "a".into() };
        let restored = Array2::from_shape_fn((tokens, 1), |(position, _)| position as f64);
        CaseTrace {
            case_id: "0".into(),
            prompt: "{}".into(),
            subject: "a".into(),
            tokens: vec![token.clone(); tokens],
            subject_range,
            answer: token,
            answer_is_true: None,
            clean,
            corrupted: 0.0,
            kinds: vec![KindTrace::new(Kind::Hidden, restored, 0.0)],
        }
    }

    fn traces(cases: Vec<CaseTrace>) -> Traces {
        let plan = TracePlan {
            kinds: vec![Kind::Hidden],
            window: 1,
            samples: 1,
            seed: 0,
            scale: NoiseScale::Absolute(1.0),
            answer: AnswerChoice::Predicted,
        };
        let noise = NoiseFacts { sigma: 1.0, factor: None, standard_deviation: None, subject_tokens: 0 };
        Traces { plan, layers: 1, noise, cases, refused: Vec::new() }
    }

    fn positions(case: &CaseTrace) -> [Vec<usize>; 6] {
        Region::ALL.map(|region| region.positions(case))
    }

    #[test]
    fn every_token_from_the_subject_on_has_its_region() {
        assert_eq!(
            positions(&case(9, 1..5, 1.0)),
            [vec![1], vec![2, 3], vec![4], vec![5], vec![6, 7], vec![8]]
        );
    }

    #[test]
    fn short_subjects_and_short_prompts_share_tokens_as_in_the_reference_code() {
        assert_eq!(positions(&case(2, 0..1, 1.0)), [vec![0], vec![], vec![0], vec![1], vec![], vec![1]]);
        assert_eq!(positions(&case(2, 0..2, 1.0)), [vec![0], vec![], vec![1], vec![], vec![], vec![1]]);
    }

    #[test]
    fn averages_are_over_tokens_of_finite_cases() {
        let summary = traces(vec![case(9, 1..5, 0.5), case(4, 0..3, 1.0), case(4, 0..3, f64::NAN)]).summary();
        assert_eq!((summary.cases, summary.nonfinite_cases), (3, 1));
        assert!((summary.total_effect - 0.75).abs() < 1e-12);
        let middle = &summary.regions[1];
        assert_eq!((middle.region, middle.tokens), (Region::MiddleSubject, 3));
        assert!((middle.effect[0] - 2.0).abs() < 1e-12, "(2 + 3 + 1) / 3");
        assert!(traces(Vec::new()).summary().regions[0].effect.is_empty());
    }
}
