//! How a rule of a setting is matched against a field path (storage-index.md 6.2, indexing.md 6).

/// What a rule, or a list of rules, says of a field path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatternMatch {
    /// Neither the field nor anything below it.
    None,
    /// The field has no role, but something below it may: descend.
    Parent,
    /// The field has the role.
    Match,
}

/// Whether `name` is `field` or an ancestor of it.
pub fn covers(name: &str, field: &str) -> bool {
    field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Matches a plain name: it gives its role to the field of that name and to all below.
pub fn match_name(name: &str, field: &str) -> PatternMatch {
    if covers(name, field) {
        PatternMatch::Match
    } else if covers(field, name) {
        PatternMatch::Parent
    } else {
        PatternMatch::None
    }
}

/// The best match of a list of plain names.
pub fn match_names<'a>(names: impl IntoIterator<Item = &'a str>, field: &str) -> PatternMatch {
    best(names.into_iter().map(|name| match_name(name, field)))
}

/// Whether a pattern with a star in front, behind or both fits the whole field path.
pub fn pattern_fits(pattern: &str, field: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(rest), Some(_)) => rest.strip_suffix('*').is_some_and(|part| field.contains(part)),
        (Some(suffix), None) => field.ends_with(suffix),
        (None, Some(prefix)) => field.starts_with(prefix),
        (None, None) => field == pattern,
    }
}

/// Matches a pattern: without a star it does not reach the fields below it, unlike a plain name.
pub fn match_pattern(pattern: &str, field: &str) -> PatternMatch {
    if pattern_fits(pattern, field) {
        PatternMatch::Match
    } else if covers(field, pattern) {
        PatternMatch::Parent
    } else {
        PatternMatch::None
    }
}

/// The best match of a list of patterns.
pub fn match_patterns<'a>(
    patterns: impl IntoIterator<Item = &'a str>,
    field: &str,
) -> PatternMatch {
    best(patterns.into_iter().map(|pattern| match_pattern(pattern, field)))
}

fn best(matches: impl Iterator<Item = PatternMatch>) -> PatternMatch {
    matches.max().unwrap_or(PatternMatch::None)
}

#[cfg(test)]
mod tests {
    use super::PatternMatch::{Match, None, Parent};
    use super::*;

    #[test]
    fn names() {
        for (name, field, expected) in [
            ("a", "a", Match),
            ("a", "a.b", Match),
            ("a.b", "a", Parent),
            ("a", "ab", None),
            ("a.b", "a.c", None),
        ] {
            assert_eq!(match_name(name, field), expected, "{name} {field}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, field, expected) in [
            ("*", "anything.at.all", Match),
            ("**", "x", Match),
            ("*name*", "first_name_1", Match),
            ("*_fr", "title_fr", Match),
            ("*_fr", "title_fra", None),
            ("dog*", "dog.age", Match),
            ("dog", "dog.age", None),
            ("dog.age", "dog", Parent),
            ("a*b", "a*b", Match),
            ("a*b", "axb", None),
        ] {
            assert_eq!(match_pattern(pattern, field), expected, "{pattern} {field}");
        }
    }
}
