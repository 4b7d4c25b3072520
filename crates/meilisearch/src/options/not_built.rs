//! The refusal of options that are not built yet; `meilisearch_types::not_implemented` lists them.

use std::ffi::OsString;

use meilisearch_types::not_implemented::{OPTIONS, variable_of};

/// Why this command line or environment cannot be served yet: it asks for an option of a later
/// issue. `arguments` are those after the program's name, `variable` looks up the environment.
pub fn refusal(
    arguments: &[OsString],
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<String> {
    for option in OPTIONS {
        let flag = format!("--{}", option.replace('_', "-"));
        let asked = arguments.iter().any(|argument| {
            let argument = argument.to_string_lossy();
            argument
                .strip_prefix(&flag)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        });
        if asked {
            return Some(format!("the option `{flag}` is not built yet; start without it"));
        }
        // A flag that is off, or an empty value, asks for nothing.
        let name = variable_of(option);
        let value = variable(&name).filter(|value| !value.is_empty() && value != "false");
        if value.is_some() {
            return Some(format!(
                "the environment variable `{name}` is set, but the option `{flag}` is not built \
                 yet; unset it"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_later_issues_are_refused_not_ignored() {
        let none = |_: &str| None;
        assert_eq!(refusal(&[], none), None);
        let asked = refusal(&["--s3-bucket-url=a".into()], none).unwrap();
        assert!(asked.contains("--s3-bucket-url"), "{asked}");
        let set = |name: &str| (name == "MEILI_S3_BUCKET_NAME").then(|| "a".into());
        let asked = refusal(&[], set).unwrap();
        assert!(asked.contains("MEILI_S3_BUCKET_NAME"), "{asked}");
        let off = |name: &str| (name == "MEILI_UPGRADE_DB").then(|| "false".into());
        assert_eq!(refusal(&[], off), None);
    }
}
