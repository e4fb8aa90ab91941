//! The environment variables of the VM: what `vm_config.environment_variables` gives it.

/// Why a variable has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// There is none of that name.
    Absent,
    /// Its value is not UTF-8.
    NotText,
}

/// The value of a variable.
pub(super) fn variable(name: &str) -> Result<String, Missing> {
    #[cfg(any(not(target_arch = "wasm32"), test))]
    if let Some(value) = native::overridden(name) {
        return value.ok_or(Missing::Absent);
    }
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => Missing::Absent,
        std::env::VarError::NotUnicode(_) => Missing::NotText,
    })
}

#[cfg(any(not(target_arch = "wasm32"), test))]
pub use native::with_environment;

#[cfg(any(not(target_arch = "wasm32"), test))]
mod native {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    thread_local! {
        static VARIABLES: RefCell<Option<BTreeMap<String, String>>> = const { RefCell::new(None) };
    }

    /// What a test gives instead of the process's own variables: `Some(None)` when it has not given
    /// this one, nothing outside of a test.
    pub(in super::super) fn overridden(name: &str) -> Option<Option<String>> {
        VARIABLES.with_borrow(|variables| Some(variables.as_ref()?.get(name).cloned()))
    }

    /// For tests outside of a VM: runs `body` where these are the environment variables, and no
    /// others, on this thread.
    ///
    /// ```
    /// use tollgate::config::{Secret, from_slice, with_environment};
    ///
    /// let json = br#"{"environment_variable": "KEY"}"#;
    /// let key: Secret = with_environment([("KEY", "hunter2")], || from_slice(json)).unwrap();
    /// assert_eq!(key.expose(), "hunter2");
    /// ```
    pub fn with_environment<N: Into<String>, V: Into<String>, R>(
        variables: impl IntoIterator<Item = (N, V)>,
        body: impl FnOnce() -> R,
    ) -> R {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        let _restore = Restore(VARIABLES.replace(Some(variables.collect())));
        body()
    }

    /// Puts the former variables back, also when `body` panics.
    struct Restore(Option<BTreeMap<String, String>>);

    impl Drop for Restore {
        fn drop(&mut self) {
            VARIABLES.set(self.0.take());
        }
    }
}
