//! From the clauses that match to what happens: stages, `Pass`, and what is only observed.

use crate::Effect;

use super::Stage;

/// What a list of matching clauses comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome<T> {
    /// The clause that decides.
    pub(crate) decided: T,
    /// It is a denial of what is allowed without the policies that are only observed.
    pub(crate) observed: bool,
}

/// The first of `matching` that decides: an allowance or a denial; a pass skips what is left of its stage.
fn first<T: Copy>(
    matching: impl Iterator<Item = T>,
    mut of: impl FnMut(T) -> (Stage, Effect, bool),
) -> Option<T> {
    let mut passed = None;
    for one in matching {
        let (stage, effect, _) = of(one);
        if passed == Some(stage) {
            continue;
        }
        if effect != Effect::Pass {
            return Some(one);
        }
        passed = Some(stage);
    }
    None
}

/// What happens, given the clauses that match, in order. Policies that are only observed change nothing about it: what
/// they would deny beyond it is an observed denial. `None`: no clause decides, which fails closed.
pub(crate) fn outcome<T: Copy>(
    matching: impl Iterator<Item = T> + Clone,
    of: impl Fn(T) -> (Stage, Effect, bool) + Copy,
) -> Option<Outcome<T>> {
    let enforced = first(matching.clone().filter(|one| !of(*one).2), of)?;
    let plain = Outcome {
        decided: enforced,
        observed: false,
    };
    if of(enforced).1 == Effect::Deny || !matching.clone().any(|one| of(one).2) {
        return Some(plain);
    }
    match first(matching, of) {
        Some(all) if of(all).1 == Effect::Deny => Some(Outcome {
            decided: all,
            observed: true,
        }),
        _ => Some(plain),
    }
}
