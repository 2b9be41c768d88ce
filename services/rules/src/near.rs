//! "Did you mean": the known name nearest to an unknown one.
//!
//! It refuses to repeat what does not look like a name, so that no message carries content.

/// Names longer than this are neither compared nor shown.
const LONGEST: usize = 64;
/// A run of digits from which a text could be an identity number.
const DIGITS: usize = 15;

/// The hint for `unknown` among `known`, if one is near enough.
pub(crate) fn did_you_mean<'a>(
    unknown: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(unknown, known).map(|name| format!("did you mean `{name}`?"))
}

fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if unknown.len() > LONGEST {
        return None;
    }
    let allowed = (unknown.chars().count() / 3).clamp(1, 3);
    let folded = unknown.to_lowercase();
    known
        .into_iter()
        .take(4_000)
        .filter(|name| name.len() <= LONGEST && name.len().abs_diff(unknown.len()) <= 9)
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// The name in backquotes, or "this" where it does not look like a name.
pub(crate) fn shown(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut run = 0;
    let digits = name.chars().any(|c| {
        run = if c.is_ascii_digit() { run + 1 } else { 0 };
        run >= DIGITS
    });
    if name.is_empty() || name.len() > LONGEST || digits || !name.chars().all(plain) {
        return "this".to_owned();
    }
    format!("`{name}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_far_ones_are_not() {
        let known = ["household", "oop", "per_head", "cut"];
        assert_eq!(did_you_mean("houshold", known).as_deref(), Some("did you mean `household`?"));
        assert_eq!(did_you_mean("OOP", known).as_deref(), Some("did you mean `oop`?"));
        assert_eq!(did_you_mean("per_haed", known).as_deref(), Some("did you mean `per_head`?"));
        assert_eq!(did_you_mean("income", known), None);
    }

    #[test]
    fn what_could_be_an_identity_number_is_not_repeated() {
        assert_eq!(shown("oop"), "`oop`");
        assert_eq!(shown(&"9".repeat(18)), "this");
        assert_eq!(shown("a b"), "this");
    }
}
