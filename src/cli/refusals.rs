//! What the rooms refuse, as failures: kind, message, file and hint of each error.

use super::failure::Failure;
use crate::correlate::CorrelateError;
use crate::edit::{EditError, HparamsError};
use crate::evaluate::EvaluateError;
use crate::keys::first_token::FirstTokenError;
use crate::keys::{AdjustmentError, ContextsError, MomentError, ScanError};
use crate::model::ModelError;
use crate::reader::ReadError;
use crate::regress::RegressError;
use crate::report::Unwritable;
use crate::reproduce::ReproduceError;
use crate::sequence::SequenceError;

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let mut failure = Self::new(error.kind(), format!("cannot read {error}"));
        if let Some(path) = error.path() {
            failure = failure.at(path);
        }
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<CorrelateError> for Failure {
    fn from(error: CorrelateError) -> Self {
        let failure = Self::new(error.kind(), format!("cannot compare columns: {error}"));
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let mut failure = match &error {
            ModelError::Tokenizer(error) => Self::new(error.kind(), error),
            error => Self::new(error.kind(), format!("cannot run the model: {error}")),
        };
        if let Some(path) = error.path() {
            failure = failure.at(path);
        }
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<RegressError> for Failure {
    fn from(error: RegressError) -> Self {
        let failure = Self::new(error.kind(), format!("cannot compare: {error}"));
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<ReproduceError> for Failure {
    fn from(error: ReproduceError) -> Self {
        match error {
            ReproduceError::Model(error) => error.into(),
            ReproduceError::Scan(error) => error.into(),
            ReproduceError::Edit(error) => error.into(),
            ReproduceError::Evaluate(error) => error.into(),
            ReproduceError::Sequence(error) => (*error).into(),
            ReproduceError::Means(_) => Self::new("usage", error).hint("give --contexts FILE with prefixes"),
            ReproduceError::Layers { .. } => Self::new("usage", error).hint("name it with --layer N"),
            ReproduceError::NoMoment { .. } => Self::new("usage", error)
                .hint("give --moments FILE ('diagnose moments' collects it), or --no-moments"),
        }
    }
}

impl From<AdjustmentError> for Failure {
    fn from(error: AdjustmentError) -> Self {
        let kind = match &error {
            AdjustmentError::BadRidge { .. } => "usage",
            AdjustmentError::WrongLength { .. } => "wrong-moment",
            AdjustmentError::Asymmetric { .. }
            | AdjustmentError::NotFinite { .. }
            | AdjustmentError::NotSquare { .. } => "malformed-moment",
            AdjustmentError::Engine(_) => "internal",
            AdjustmentError::Device(_) => "device",
            _ => "singular-moment",
        };
        let failure = Self::new(kind, &error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Model(error) => error.into(),
            ScanError::Adjustment(error) => error.into(),
        }
    }
}

impl From<ContextsError> for Failure {
    fn from(error: ContextsError) -> Self {
        match error {
            ContextsError::Model(error) => error.into(),
            other => {
                let failure = Self::new(other.kind(), format!("cannot draw context templates: {other}"));
                match other.hint() {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            }
        }
    }
}

impl From<EvaluateError> for Failure {
    fn from(error: EvaluateError) -> Self {
        let message = error.to_string();
        let (kind, hint) = match error {
            EvaluateError::Model(error) => return error.into(),
            EvaluateError::NothingScored { .. } => ("nothing-scored", "give texts of two tokens or more"),
            EvaluateError::NoBos { .. } => ("no-bos", "leave --bos out"),
            EvaluateError::Window { .. } => ("usage", "give another --window, or leave it out"),
            EvaluateError::Stride { .. } => ("usage", "half the window is a common --stride"),
            EvaluateError::NoWindow { .. } => ("usage", "give --window too"),
            EvaluateError::ProtocolsDiffer { .. } => (
                "protocols-differ",
                "measure them in runs of their own; perplexities under different protocols do not compare",
            ),
        };
        Self::new(kind, message).hint(hint)
    }
}

impl From<MomentError> for Failure {
    fn from(error: MomentError) -> Self {
        let message = error.to_string();
        let (kind, hint) = match error {
            MomentError::Model(error) => return error.into(),
            MomentError::NoLayer { .. } | MomentError::Layers => ("usage", "name other layers with --layer"),
            MomentError::NotFinite { .. } => (
                "nonfinite",
                "the weights hold NaN or infinities, or the model overflows: see 'diagnose deltas'",
            ),
            MomentError::NoTokens { .. } => ("no-tokens", "give texts with something in them"),
            MomentError::OtherRun => ("other-run", "run without --resume to begin anew"),
            MomentError::Device(_) => ("device", "run it on the processor with --device cpu"),
            MomentError::Shape(_) => ("internal", "this is an error of diagnose: please report it"),
        };
        Self::new(kind, message).hint(hint)
    }
}

impl From<FirstTokenError> for Failure {
    fn from(error: FirstTokenError) -> Self {
        let message = error.to_string();
        let (kind, hint) = match error {
            FirstTokenError::Model(error) => return error.into(),
            FirstTokenError::Device(_) => ("device", "run it on the processor with --device cpu"),
            FirstTokenError::NoLayer { .. } => ("usage", "name other layers with --layer"),
            FirstTokenError::NoPositions { .. } => ("no-positions", "leave --swap-positions out"),
            FirstTokenError::TooFewTexts { .. } => ("too-few-texts", "give more texts, or longer ones"),
        };
        Self::new(kind, message).hint(hint)
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let (kind, message) = (error.kind(), error.to_string());
        let hint = match error {
            EditError::Model(error) => return error.into(),
            EditError::Adjustment(error) => return error.into(),
            EditError::Request { .. } => "an edit needs a prompt with the subject in it, and a target_new",
            EditError::UnsupportedDtype { .. } => "save the model in one of these, then edit that",
            EditError::NoMoment { .. } => {
                "give --moments FILE ('diagnose moments' collects it), or --no-moments for the variant without it"
            }
            EditError::Solve(_) => "the matrices hold numbers that are not finite: see 'diagnose deltas'",
            EditError::Hparam { .. } => "change it in the file of --hparams",
            EditError::Unsupported { .. } => "choose another --method, or leave the flag out",
        };
        Self::new(kind, format!("cannot edit: {message}")).hint(hint)
    }
}

impl From<HparamsError> for Failure {
    fn from(error: HparamsError) -> Self {
        let failure = Self::new("hparams", &error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<SequenceError> for Failure {
    fn from(error: SequenceError) -> Self {
        let message = error.to_string();
        let (kind, hint) = match error {
            SequenceError::Edit(error) => return error.into(),
            SequenceError::Guard(error) => return error.into(),
            SequenceError::Model(error) => return error.into(),
            SequenceError::Read(error) => return error.into(),
            SequenceError::OtherBase { .. } => {
                ("other-base", "give the model that the ledger names in its first line")
            }
            SequenceError::OtherSettings { .. } => {
                ("other-settings", "run as the ledger was begun, or name another --ledger to begin anew")
            }
            SequenceError::OtherResult { .. } => (
                "other-result",
                "the ledger or its factors were changed, or another version of diagnose wrote them",
            ),
            SequenceError::NoStep { .. } => ("usage", "steps are counted from 0; --upto takes how many"),
            SequenceError::NotAlone { .. } => ("usage", "--upto N makes the first N steps"),
            SequenceError::NotOne { .. } => {
                ("usage", "name one with --only-step N; edits add up where they are made with --sequential")
            }
            SequenceError::UnknownMask { .. } => {
                ("malformed-ledger", "take the version of diagnose that wrote it")
            }
        };
        Self::new(kind, message).hint(hint)
    }
}

impl From<Unwritable> for Failure {
    fn from(error: Unwritable) -> Self {
        let message = error.to_string();
        let (path, hint) = match error {
            Unwritable::Read(error) => return error.into(),
            Unwritable::Io { path, cause } if cause.kind() == std::io::ErrorKind::StorageFull => {
                (path, Some("nothing half written was left behind; free some space or name another place"))
            }
            Unwritable::Io { path, .. } => (path, None),
            Unwritable::Taken { path, .. } => {
                (path, Some("name a place where nothing is; a ledger goes on with --resume"))
            }
            Unwritable::InUse { path } => (path, Some("wait for it, or name another --ledger")),
        };
        let failure = Self::new("output", message).at(&path);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
