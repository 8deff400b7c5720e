//! What comes out of a reproduction: experiments with a table, figures, and claims held against what was published.

use std::path::PathBuf;

/// All experiments on one model.
#[derive(Clone, Debug)]
pub struct Reproduction {
    /// Where the model was opened.
    pub model: PathBuf,
    /// What it rests on, a label and its value each: layer, cases, templates, second moment, seeds.
    pub facts: Vec<(&'static str, String)>,
    /// In the order of the papers.
    pub experiments: Vec<Experiment>,
}

/// Where an experiment was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Paper {
    /// Yang et al., The Fall of ROME (Findings of EMNLP 2024).
    Fall,
    /// Yang et al., The Butterfly Effect of Model Editing (Findings of ACL 2024).
    Butterfly,
    /// Gupta et al., Model Editing at Scale leads to Gradual and Catastrophic Forgetting (Findings of ACL 2024).
    Forgetting,
    /// Gupta et al., Rebuilding ROME (EMNLP 2024).
    Rebuilding,
    /// Gupta et al., A Unified Framework for Model Editing (Findings of EMNLP 2024).
    Unified,
    /// Gu et al., Model Editing Harms General Abilities of Large Language Models (EMNLP 2024).
    Harms,
}

impl Paper {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 6] =
        [Self::Fall, Self::Butterfly, Self::Forgetting, Self::Rebuilding, Self::Unified, Self::Harms];

    /// Its title, short.
    pub fn title(self) -> &'static str {
        match self {
            Self::Fall => "The Fall of ROME",
            Self::Butterfly => "The Butterfly Effect of Model Editing",
            Self::Forgetting => "Gradual and Catastrophic Forgetting",
            Self::Rebuilding => "Rebuilding ROME",
            Self::Unified => "A Unified Framework for Model Editing (EMMET)",
            Self::Harms => "Model Editing Harms General Abilities (RECT)",
        }
    }

    /// A word for file names.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Fall => "fall-of-rome",
            Self::Butterfly => "butterfly",
            Self::Forgetting => "forgetting",
            Self::Rebuilding => "r-rome",
            Self::Unified => "emmet",
            Self::Harms => "rect",
        }
    }
}

/// One table or figure of a paper, done again.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The paper.
    pub paper: Paper,
    /// Its table or figure there: `T1`, `F2`.
    pub id: &'static str,
    /// What it shows, in a few words.
    pub title: &'static str,
    /// Whether it was run.
    pub status: Status,
    /// The numbers.
    pub tables: Vec<Table>,
    /// The pictures.
    pub figures: Vec<Figure>,
    /// What was published, and what is found here.
    pub claims: Vec<Claim>,
}

/// Whether an experiment was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was.
    Done,
    /// It was not, and why.
    NotRun(String),
}

/// A table of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What it shows; distinguishes the tables of one experiment, empty where there is one.
    pub title: String,
    /// Headers.
    pub columns: Vec<String>,
    /// Rows, as long as the headers.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number; one that is not finite is shown as such.
    Number(f64),
    /// A count.
    Count(usize),
    /// Not measured.
    Missing,
}

/// A picture of points and lines in the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// For its file, behind the experiment's: empty where there is one.
    pub name: &'static str,
    /// One line above it.
    pub caption: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// What is drawn; points that are not finite are left out and counted in the legend.
    pub series: Vec<Series>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: String,
    /// Whether it is logarithmic.
    pub log: bool,
}

/// Points of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What they are.
    pub name: String,
    /// How they are drawn.
    pub mark: Mark,
    /// In order.
    pub points: Vec<(f64, f64)>,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Each by itself.
    Points,
    /// Joined in their order.
    Line,
}

/// A statement of a paper, held against this model.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// What was claimed.
    pub statement: &'static str,
    /// The published figure, where there is one.
    pub published: &'static str,
    /// What was found here.
    pub found: String,
    /// Whether they agree.
    pub agreement: Agreement,
}

/// Whether a finding agrees with what was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// In number.
    Agrees,
    /// In kind: the same direction and order, another size.
    InKind,
    /// It does not, and what is known of why.
    Differs(String),
}
