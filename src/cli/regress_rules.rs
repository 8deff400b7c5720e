//! What `diagnose regress` is told, by flags and by `regress.toml`: flags count more, and nothing in the file is passed over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;

use super::args::{CorrectionName, RegressArgs, level};
use super::failure::Failure;
use crate::deltas::NamePattern;
use crate::reader::{Config, ConfigEntry, ConfigValue, ReadError, ResultsKind};
use crate::reader::{read_config, read_lm_eval, read_record, read_table, results_kind};
use crate::regress::{self, Correction, Direction, MetricTolerance, Noise, Rules, Said, Tolerance};

/// The file that is read without being named.
const NAME: &str = "regress.toml";
/// What it may say.
const KEYS: &str = "alpha, correction, allow-missing, noise, higher-is-better, lower-is-better, key, and [tolerance] with METRIC = 0.01 or \"2%\"";

/// What a file of rules says.
#[derive(Debug, Default)]
struct Kept {
    said: Said,
    alpha: Option<f64>,
    correction: Option<CorrectionName>,
    allow_missing: bool,
    noise: Vec<PathBuf>,
    key: Option<String>,
}

/// The rules as meant, and the column that tells rows apart.
pub(super) fn rules(args: &RegressArgs) -> Result<(Rules, Option<String>), Failure> {
    let file = args.rules.clone().or_else(|| Some(PathBuf::from(NAME)).filter(|path| path.is_file()));
    let kept = match file {
        Some(file) => kept(&read_config(&file)?)?,
        None => Kept::default(),
    };
    let key = args.key.clone().or(kept.key);
    let noise = if args.noise.is_empty() { &kept.noise } else { &args.noise };
    let told = Said {
        tolerances: args.tolerance.clone(),
        directions: both(&args.higher_is_better, &args.lower_is_better).collect(),
    };
    let rules = Rules {
        said: vec![told, kept.said],
        noise: spread(noise, key.as_deref())?,
        alpha: args.alpha.or(kept.alpha).unwrap_or(Rules::default().alpha),
        correction: match args.correction.or(kept.correction) {
            None | Some(CorrectionName::Holm) => Correction::Holm,
            Some(CorrectionName::Bh) => Correction::BenjaminiHochberg,
            Some(CorrectionName::None) => Correction::None,
        },
        allow_missing: args.allow_missing || kept.allow_missing,
        resamples: args.resamples,
        seed: args.seed,
    };
    Ok((rules, key))
}

fn both<'a>(
    higher: &'a [NamePattern],
    lower: &'a [NamePattern],
) -> impl Iterator<Item = (NamePattern, Direction)> + 'a {
    let with = |direction| move |pattern: &NamePattern| (pattern.clone(), direction);
    higher.iter().map(with(Direction::Higher)).chain(lower.iter().map(with(Direction::Lower)))
}

/// Reads a file of rules; every key is one of those that there are.
fn kept(config: &Config) -> Result<Kept, Failure> {
    let mut kept = Kept::default();
    for entry in &config.entries {
        let refused =
            |reason: String| ReadError::Config { path: config.path.clone(), line: entry.line, reason };
        let stated = match &entry.table {
            None => kept.setting(entry, &config.path),
            Some(table) if table == "tolerance" => kept.tolerance(entry),
            Some(table) => Err(format!("there is no table [{table}]")),
        };
        stated.map_err(|reason| {
            Failure::from(refused(reason)).hint(format!("a file of rules may hold {KEYS}"))
        })?;
    }
    Ok(kept)
}

impl Kept {
    fn tolerance(&mut self, ConfigEntry { key, value, .. }: &ConfigEntry) -> Result<(), String> {
        let ConfigValue::Text(text) = value else {
            return Err(format!("the tolerance of {key} is no number"));
        };
        let tolerance: Tolerance = parsed(text)?;
        self.said.tolerances.push(MetricTolerance { pattern: parsed(key)?, tolerance });
        Ok(())
    }

    /// A setting at the top; files are named from the folder of the rules.
    fn setting(&mut self, ConfigEntry { key, value, .. }: &ConfigEntry, file: &Path) -> Result<(), String> {
        let texts = || match value {
            ConfigValue::Text(text) => Ok(vec![text.clone()]),
            ConfigValue::Texts(texts) => Ok(texts.clone()),
            ConfigValue::Switch(_) => Err(format!("{key} is no text and no list of texts")),
        };
        let patterns =
            || texts()?.iter().map(|text| parsed(text)).collect::<Result<Vec<NamePattern>, String>>();
        match (key.as_str(), value) {
            ("alpha", ConfigValue::Text(text)) => {
                self.alpha = Some(level(text).map_err(|reason| format!("alpha is {reason}"))?);
            }
            ("correction", ConfigValue::Text(text)) => {
                let name = CorrectionName::from_str(text, false);
                self.correction =
                    Some(name.map_err(|_| format!("correction is holm, bh or none, not '{text}'"))?);
            }
            ("allow-missing", ConfigValue::Switch(allow)) => self.allow_missing = *allow,
            ("key", ConfigValue::Text(text)) => self.key = Some(text.clone()),
            ("noise", _) => {
                let folder = file.parent().unwrap_or(Path::new(""));
                self.noise.extend(texts()?.iter().map(|path| folder.join(path)));
            }
            ("higher-is-better", _) => self.said.directions.extend(both(&patterns()?, &[])),
            ("lower-is-better", _) => self.said.directions.extend(both(&[], &patterns()?)),
            ("alpha" | "correction" | "allow-missing" | "key", _) => {
                return Err(format!("{key} has a value of another kind"));
            }
            _ => return Err(format!("there is no setting '{key}'")),
        }
        Ok(())
    }
}

fn parsed<T: FromStr<Err: ToString>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// The spread of repeated runs: of a table each row is one, of other files each file, of a folder each file in it.
fn spread(paths: &[PathBuf], key: Option<&str>) -> Result<Noise, Failure> {
    if paths.is_empty() {
        return Ok(Noise::default());
    }
    let mut runs: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for path in paths {
        let metrics = match results_kind(path)? {
            ResultsKind::Table => {
                for (metric, values) in regress::repeated(&read_table(path)?, key)? {
                    runs.entry(metric).or_default().extend(values);
                }
                continue;
            }
            ResultsKind::Record => vec![regress::of_record(&read_record(path)?)?],
            ResultsKind::LmEval => read_lm_eval(path)?
                .into_iter()
                .map(|run| Ok(regress::of_lm_eval(path, &[(run?, Vec::new())])?))
                .collect::<Result<_, Failure>>()?,
        };
        for metric in metrics.into_iter().flat_map(|metrics| metrics.rows) {
            runs.entry(metric.name).or_default().push(metric.value);
        }
    }
    let listed = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    Ok(Noise::of_runs(&runs, &listed)?)
}
