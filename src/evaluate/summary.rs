//! Means over cases of what was measured on each.

use super::prompts::{Measure, PromptKind};
use super::quality::Quality;
use crate::stats;

/// Mean of a number over cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Cases that have it.
    pub cases: usize,
    /// Their mean; NaN where one is.
    pub mean: f64,
    /// Standard deviation over the cases as a population (divided by n), as published.
    pub deviation: f64,
}

impl Spread {
    /// Of a list; none of nothing.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mean = stats::mean(values)?;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        Some(Self { cases: values.len(), mean, deviation: (squares / values.len() as f64).sqrt() })
    }
}

/// All cases together.
#[derive(Clone, Debug, PartialEq)]
pub struct QualitySummary {
    /// Every measure that at least one case has, kind by kind.
    pub metrics: Vec<(PromptKind, Measure, Spread)>,
    /// Harmonic mean of the mean success rates of edited prompts, other wordings and neighbours; none where one is missing.
    pub score: Option<f64>,
    /// The same with the prompts behind contexts in the place of the bare ones.
    pub prefixed_score: Option<f64>,
    /// Prompts behind which a likelihood is NaN or infinite. They fail, and are in every mean.
    pub nonfinite_prompts: usize,
    /// Prompts whose tokens change where the target follows.
    pub merged_prompts: usize,
    /// Prompts of scored cases of which an answer could not be scored.
    pub unscored_prompts: usize,
}

impl QualitySummary {
    /// Sums up.
    pub fn of(quality: &Quality) -> Self {
        let spread = |kind, measure| {
            let values = quality.cases.iter().filter_map(|case| case.measure(kind, measure));
            Spread::of(&values.collect::<Vec<_>>())
        };
        let metrics: Vec<(PromptKind, Measure, Spread)> = PromptKind::ALL
            .into_iter()
            .flat_map(|kind| Measure::ALL.map(|measure| (kind, measure)))
            .filter_map(|(kind, measure)| Some((kind, measure, spread(kind, measure)?)))
            .collect();
        let score = |kinds: [PromptKind; 3]| {
            let rates = kinds.map(|kind| spread(kind, Measure::Success).map(|spread| spread.mean));
            let [Some(a), Some(b), Some(c)] = rates else { return None };
            Some(harmonic_mean([a, b, c]))
        };
        let prompts = || quality.cases.iter().flat_map(|case| &case.prompts);
        Self {
            score: score([PromptKind::Rewrite, PromptKind::Paraphrase, PromptKind::Neighborhood]),
            prefixed_score: score([
                PromptKind::PrefixedRewrite,
                PromptKind::PrefixedParaphrase,
                PromptKind::Neighborhood,
            ]),
            metrics,
            nonfinite_prompts: prompts()
                .filter(|prompt| prompt.scored().any(|answer| !answer.mean_nll().is_finite()))
                .count(),
            merged_prompts: prompts().filter(|prompt| prompt.scored().any(|answer| answer.merged)).count(),
            unscored_prompts: prompts().filter(|prompt| prompt.unscored().next().is_some()).count(),
        }
    }

    /// The mean of a measure; none where no case has it.
    pub fn metric(&self, kind: PromptKind, measure: Measure) -> Option<Spread> {
        self.metrics.iter().find(|(k, m, _)| (*k, *m) == (kind, measure)).map(|(.., spread)| *spread)
    }
}

/// 3 / (1/a + 1/b + 1/c); 0 where one of them is.
fn harmonic_mean(rates: [f64; 3]) -> f64 {
    if rates.contains(&0.0) { 0.0 } else { 3.0 / rates.iter().map(|rate| 1.0 / rate).sum::<f64>() }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::evaluate::{Answer, CaseScores, PromptScore, Unanswerable};

    fn answer(nll: f64) -> Answer {
        let nll = vec![nll - 0.5, nll + 0.5];
        let likeliest = if nll.iter().all(|nll| nll.is_finite()) { [Some(3), Some(5)] } else { [None, None] };
        Answer { tokens: vec![3, 4], nll, likeliest: likeliest.to_vec(), merged: false }
    }

    fn prompt(kind: PromptKind, wanted: f64, other: f64) -> PromptScore {
        let (wanted, other) = (Ok(answer(wanted)), Some(Ok(answer(other))));
        PromptScore { kind, prompt: "p".into(), wanted, other, agreement: None }
    }

    fn quality(cases: Vec<Vec<PromptScore>>) -> Quality {
        let case = |(index, prompts)| CaseScores { index, case_id: "c".into(), prompts };
        Quality { cases: cases.into_iter().enumerate().map(case).collect(), refused: Vec::new() }
    }

    #[test]
    fn a_tie_fails_and_a_nan_fails_and_is_counted() {
        let of = |wanted, other| prompt(PromptKind::Rewrite, wanted, other).measure(Measure::Success);
        assert_eq!([of(1.0, 2.0), of(2.0, 1.0), of(1.0, 1.0)], [Some(1.0), Some(0.0), Some(0.0)]);
        assert_eq!([of(f64::NAN, 1.0), of(1.0, f64::NAN), of(f64::NAN, f64::NAN)], [Some(0.0); 3]);
        let summary = QualitySummary::of(&quality(vec![
            vec![prompt(PromptKind::Rewrite, f64::NAN, 1.0)],
            vec![prompt(PromptKind::Rewrite, 1.0, f64::INFINITY)],
        ]));
        assert_eq!(summary.nonfinite_prompts, 2);
        assert_eq!(summary.metric(PromptKind::Rewrite, Measure::Success).unwrap().mean, 0.5);
        assert!(summary.metric(PromptKind::Rewrite, Measure::Magnitude).unwrap().mean.is_nan());
        assert_eq!(summary.metric(PromptKind::Rewrite, Measure::TokenAccuracy).unwrap().mean, 0.25);
    }

    #[test]
    fn means_run_over_prompts_first_and_cases_second() {
        let rewrite = |wanted, other| prompt(PromptKind::Rewrite, wanted, other);
        let summary = QualitySummary::of(&quality(vec![
            vec![rewrite(1.0, 2.0), rewrite(2.0, 1.0), rewrite(2.0, 1.0), rewrite(2.0, 1.0)],
            vec![rewrite(1.0, 3.0)],
        ]));
        let success = summary.metric(PromptKind::Rewrite, Measure::Success).unwrap();
        assert_eq!((success.cases, success.mean, success.deviation), (2, 0.625, 0.375));
        let magnitude = summary.metric(PromptKind::Rewrite, Measure::Magnitude).unwrap().mean;
        let [e1, e2, e3] = [1.0, 2.0, 3.0].map(|nll: f64| (-nll).exp());
        assert!((magnitude - ((e2 - e1) * 2.0 / 4.0 + e1 - e3) / 2.0).abs() < 1e-15);
        assert_eq!(summary.metric(PromptKind::Rewrite, Measure::TokenAccuracy).unwrap().mean, 0.5);
        assert_eq!(summary.metric(PromptKind::Rewrite, Measure::Correct).unwrap().mean, 0.0);
    }

    #[test]
    fn the_score_is_a_harmonic_mean_and_zero_where_one_part_is() {
        let case = |a, b, c| {
            let of = |kind, holds: bool| prompt(kind, if holds { 1.0 } else { 3.0 }, 2.0);
            vec![of(PromptKind::Rewrite, a), of(PromptKind::Paraphrase, b), of(PromptKind::Neighborhood, c)]
        };
        let score = |cases| QualitySummary::of(&quality(cases)).score;
        assert_eq!(score(vec![case(true, true, true)]), Some(1.0));
        assert_eq!(score(vec![case(true, false, true)]), Some(0.0));
        let half = score(vec![case(true, true, true), case(true, true, false)]);
        assert!((half.unwrap() - 3.0 / (1.0 + 1.0 + 2.0)).abs() < 1e-15);
        assert_eq!(score(vec![vec![prompt(PromptKind::Rewrite, 1.0, 2.0)]]), None);
    }

    #[test]
    fn what_cannot_be_scored_is_counted_and_is_in_no_mean() {
        let mut broken = prompt(PromptKind::Paraphrase, 1.0, 2.0);
        broken.other = Some(Err(Unanswerable::NoPrompt { answer: "x".into() }));
        let summary =
            QualitySummary::of(&quality(vec![vec![prompt(PromptKind::Paraphrase, 1.0, 2.0), broken]]));
        assert_eq!(summary.unscored_prompts, 1);
        assert_eq!(summary.metric(PromptKind::Paraphrase, Measure::Success).unwrap().mean, 1.0);
    }
}
