//! What a benchmark should show, and whether it did.

use serde_json::{Value, json};

/// A measured value and its bound.
#[derive(Debug, Clone)]
pub(super) struct Target {
    what: String,
    measured: f64,
    bound: Bound,
    unit: &'static str,
}

/// Which side of a value is good.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A change may cost 3 %.
const NOT_WORSE: f64 = 0.97;

impl Target {
    pub(super) fn new(
        what: impl Into<String>,
        measured: f64,
        bound: Bound,
        unit: &'static str,
    ) -> Self {
        Self { what: what.into(), measured, bound, unit }
    }

    /// A comparison with another binlogd (`--before`): `ratio` is how much better the measured one is,
    /// where 1 is equal. It may be worse by as much as two runs of one binary differ.
    pub(super) fn not_worse(what: impl Into<String>, ratio: f64) -> Self {
        Self::new(what, ratio, Bound::AtLeast(NOT_WORSE), "x")
    }

    pub(super) fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.measured >= bound,
            Bound::AtMost(bound) => self.measured <= bound,
        }
    }

    /// A line for people.
    pub(super) fn line(&self) -> String {
        let Self { what, measured, unit, .. } = self;
        let verdict = if self.is_met() { "met" } else { "NOT MET" };
        let (sign, bound) = self.sign_and_bound();
        format!("{what}: {measured:.2}{unit} (target {sign} {bound:.2}{unit}) {verdict}")
    }

    /// The same for programs.
    pub(super) fn json(&self) -> Value {
        let (sign, bound) = self.sign_and_bound();
        json!({
            "what": self.what, "measured": self.measured, "is": sign, "target": bound,
            "unit": self.unit.trim(), "met": self.is_met(),
        })
    }

    fn sign_and_bound(&self) -> (&'static str, f64) {
        match self.bound {
            Bound::AtLeast(bound) => (">=", bound),
            Bound::AtMost(bound) => ("<=", bound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_itself_meets_the_target() {
        let target = |measured, bound| Target::new("speed", measured, bound, "x");
        assert!(target(2.0, Bound::AtLeast(2.0)).is_met());
        assert!(!target(1.99, Bound::AtLeast(2.0)).is_met());
        assert!(target(0.3, Bound::AtMost(0.3)).is_met());
        assert_eq!(
            target(0.31, Bound::AtMost(0.3)).line(),
            "speed: 0.31x (target <= 0.30x) NOT MET"
        );
    }
}
