//! The containers in which migrations run: how they are named, and how they are told by their names.
//! What the shell library asks docker for (`render/sh/migrate.sh`) is the same form.

/// The name of the container for an operation's step. The operation may be a number or what a shell puts
/// there.
pub fn name(project: &str, operation: &str, step: &str) -> String {
    format!("fd-{project}-{operation}-{step}")
}

/// Whether a container of that name belongs to one of the project's operations.
pub fn is_of(project: &str, name: &str) -> bool {
    name.strip_prefix(&format!("fd-{project}-"))
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(operation, _)| {
            !operation.is_empty() && operation.bytes().all(|b| b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_told_to_be_of_the_project_that_named_it_and_of_no_other() {
        let container = name("shop", "42", "migrate");
        assert!(is_of("shop", &container), "{container}");
        assert!(!is_of("shop-two", &container));
        assert!(!is_of("shop", &name("shop-two", "42", "migrate")));
        assert!(!is_of("shop", "fd-shop-backend-1"));
        assert!(!is_of("shop", "fd-shop--migrate"));
    }
}
