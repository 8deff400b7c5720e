//! `McNemar`'s test: whether as many of the same items were lost as were won.

/// Items that two runs disagree on, and what that says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    /// Right before and wrong after.
    pub lost: u64,
    /// Wrong before and right after.
    pub won: u64,
    /// Two-sided, exact: never rejects too often.
    pub exact_p: f64,
    /// The same with half the weight on what was observed: closer to the level that is asked for.
    pub mid_p: f64,
}

/// Tests whether an item that changed was as likely lost as won.
///
/// ```text
/// k = min(lost, won),  n = lost + won
/// exact = min(1, 2 P(X ≤ k)),  mid = 2 P(X ≤ k) − P(X = k),  X binomial (n, ½)
/// ```
///
/// Q. `McNemar`, Psychometrika 12, 1947; mid-p after M. W. Fagerland, S. Lydersen and P. Laake, BMC Med. Res. Methodol. 13:91,
/// 2013, who recommend it. Relative error below 10⁻⁹ for n up to 10⁶. Degenerate: both are 1 where nothing changed, and 0
/// below what f64 can hold (1075 items that all changed one way).
pub fn mcnemar(lost: u64, won: u64) -> McNemar {
    let (k, n) = (lost.min(won), lost + won);
    let at = probability(k, n);
    let below = tail(k, n, at);
    McNemar { lost, won, exact_p: (2.0 * below).min(1.0), mid_p: (2.0 * below - at).min(1.0) }
}

/// P(X = k) = C(n, k) / 2ⁿ: factors of the coefficient one by one, halved whenever that is due, which is exact.
fn probability(k: u64, n: u64) -> f64 {
    let (mut product, mut halvings) = (1.0_f64, n);
    for i in 0..k {
        product *= (n - i) as f64 / (k - i) as f64;
        while product >= 2.0 && halvings > 0 {
            product *= 0.5;
            halvings -= 1;
        }
    }
    while product > 0.0 && halvings > 0 {
        product *= 0.5;
        halvings -= 1;
    }
    product
}

/// P(X ≤ k) for k ≤ n / 2, from its largest term down, until a term no longer counts.
fn tail(k: u64, n: u64, largest: f64) -> f64 {
    let (mut total, mut term) = (largest, largest);
    for i in (1..=k).rev() {
        term *= i as f64 / (n - i + 1) as f64;
        if term < total * f64::EPSILON / 4.0 {
            break;
        }
        total += term;
    }
    total
}
