//! How to read a page: every term that stands on it, once.

/// A term and what it means.
type Term = (&'static str, &'static str);

const DELTAS: &[Term] = &[
    ("Δ", "the change of a matrix: the weights after the edit less those before it"),
    (
        "‖Δ‖/‖W‖",
        "size of the change over size of the matrix (Frobenius norms): the verdict looks at it first",
    ),
    ("σ₁Δ/σ₁W", "the same with the largest singular value: how far one input can be thrown off"),
    (
        "rank",
        "singular values of the change above what rounding to the stored dtype alone would give. ROME leaves 1 in one matrix, \
         MEMIT one a fact in several, fine-tuning nearly all of them",
    ),
    (
        "verdict",
        "by ratios of norms, never by absolute sizes; the labelled edits that its thresholds rest on stand beside it",
    ),
];

const KEYS: &[Term] = &[
    ("key k", "what the edited matrix sees at the last token of the subject: W k is what it answers"),
    ("kᵘ", "the key of the bare prompt, without a prefix"),
    ("k̄", "the mean of the keys behind sampled prefixes; the bare prompt is one of them, as published"),
    (
        "C",
        "the second moment of the layer's keys over many texts, E[kkᵀ]; it says which directions other facts use",
    ),
    (
        "denominator",
        "(C⁻¹k̄)ᵀkᵘ, the number that ROME divides its update by. Where it is close to zero the update is huge, whatever was to be \
         written. D is the same over ‖C⁻¹k̄‖, as the published code prints it",
    ),
    (
        "ratio",
        "the denominator over the one with k̄ in both places (C-ROME, r-ROME). 1 is what healthy cases have; where the subject is \
         the first token of the text it is near 0, and the edit destroys the model",
    ),
];

const EDIT: &[Term] = &[
    (
        "numerator",
        "‖v* − Wk‖: how far the value has to move for the new fact to be said. It is held below a multiple of the value's own norm",
    ),
    ("denominator", "(C⁻¹k̄)ᵀkᵘ over ‖C⁻¹k̄‖: what that is divided by. Nothing holds it away from zero"),
    ("‖ΔW‖", "norm of the update: numerator over denominator, for a method that writes one fact at a time"),
];

const PERPLEXITY: &[Term] = &[
    (
        "perplexity",
        "exp of the mean negative log-likelihood of a token, in nats: how many words the model hesitates between. Lower is better",
    ),
    (
        "mean over texts",
        "the perplexity of each text, averaged: a few texts that went wrong weigh more. The published figures are these",
    ),
    (
        "protocol",
        "tokenizer, first token, window and stride; perplexities of different protocols are not compared here",
    ),
];

const EVALUATE: &[Term] = &[
    ("efficacy", "whether the edited prompt now gets the new answer"),
    ("generalization", "whether other wordings of it do"),
    ("specificity", "whether prompts about neighbours keep their answers"),
    ("score", "the harmonic mean of the three; 0 where any of them is"),
    (
        "success",
        "the wanted answer is likelier than the other one; correct: each of its tokens is the likeliest of all",
    ),
];

const FIRST_TOKEN: &[Term] = &[
    (
        "first token",
        "the token at position 0 of a text. In decoder models its keys lie apart from those of all later tokens",
    ),
    (
        "Mahalanobis distance",
        "distance from the mean of later tokens, in units of how they spread; an ordinary one is √dimension",
    ),
    (
        "AUROC",
        "the chance that a first token lies further out than a later one: 0.5 is no difference, 1 is no overlap",
    ),
];

const TRACE: &[Term] = &[
    (
        "indirect effect",
        "how much of the answer's probability comes back when one clean state is put into a run whose subject is drowned in noise",
    ),
    (
        "hidden, mlp, attention",
        "what is put back: the whole state after a block, or the outputs of MLPs or attentions in a window of layers",
    ),
];

const CORRELATE: &[Term] = &[
    (
        "coefficient",
        "from −1 to 1. Spearman and Kendall look at ranks alone: an exploded perplexity is the last rank, and not missing",
    ),
    ("interval", "where the coefficient lies with 95 % confidence; the record names the method"),
    (
        "p",
        "the chance of a coefficient this large between unrelated columns; adjusted for the number of columns looked at, where the table says so",
    ),
];

const SEQUENCE: &[Term] = &[
    (
        "growth exponent",
        "the power of the number of edits that the distance from the original grows with: near 0.5 edits add up like a random walk, near 1 they pull one way",
    ),
    ("disabling edit", "a single edit whose jump stands far above the others"),
    ("onset", "the edit from which on the model's behaviour is another one, with an interval"),
    (
        "phases",
        "stable: as at the start; gradual: forgetting little by little; catastrophic: most is lost within a few edits",
    ),
];

const REGRESS: &[Term] = &[
    (
        "regressed",
        "worse than the baseline by more than the tolerance, in the direction that is worse for that metric",
    ),
    ("missing", "in the baseline and not in the current run; it counts as a failure, and never as zero"),
    ("noise", "how far the metric moves between runs of one model; a change within it says nothing"),
];

const REPRODUCE: &[Term] = &[
    ("agrees", "what is found here is within the bound of the rule that stands with the claim"),
    ("in kind", "the direction is the published one, the size is not"),
    ("differs", "neither is"),
];

/// What a record is about, as a question that a reader has.
pub(super) fn question(command: &str) -> &'static str {
    match command {
        "deltas" => "What was changed, and does a model survive it?",
        "edit" => "What did the edit do?",
        "keys" => "Would ROME break the model, and why?",
        "first-token" => "Is the first token of a text of another kind?",
        "trace" => "Where is the fact kept?",
        "perplexity" => "How well does the model still read?",
        "evaluate" => "Did the edit land, and what else did it move?",
        "sequence" => "How does it go on, edit after edit?",
        "correlate" => "What does perplexity tell of other scores?",
        "regress" => "Did anything get worse?",
        "reproduce" => "Do the papers' findings hold on this model?",
        "screen" => "Where do the subjects of a dataset stand?",
        "moments" => "Which keys does the layer see?",
        "not read" => "What is not on this page?",
        _ => "What does the record hold?",
    }
}

/// The terms of a command's page; none of a command that needs none.
pub(super) fn of(command: &str) -> Vec<Term> {
    let terms = match command {
        "deltas" => DELTAS,
        "keys" => KEYS,
        "edit" => EDIT,
        "perplexity" => PERPLEXITY,
        "evaluate" => EVALUATE,
        "first-token" => FIRST_TOKEN,
        "trace" => TRACE,
        "correlate" => CORRELATE,
        "sequence" => SEQUENCE,
        "regress" => REGRESS,
        "reproduce" => REPRODUCE,
        _ => &[],
    };
    terms.to_vec()
}
