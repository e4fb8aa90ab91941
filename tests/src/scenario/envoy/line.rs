//! What modules write into Envoy's log.

/// A line that a module logged.
pub(super) struct Line<'a> {
    pub(super) thread: &'a str,
    level: &'a str,
    pub(super) vm_id: &'a str,
    text: &'a str,
}

impl<'a> Line<'a> {
    /// Reads `[date][thread][level][wasm] [file:line] wasm log name root vm: text`; the names of a root
    /// context are only `root vm`.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let (before, logged) = line.split_once("] wasm log ")?;
        let mut marks = before.strip_prefix('[')?.split("][");
        let (thread, level) = (marks.nth(1)?, marks.next()?);
        let (names, text) = logged.split_once(": ")?;
        Some(Self { thread, level, vm_id: names.rsplit(' ').next()?, text })
    }

    pub(super) fn shown(&self) -> String {
        match self.level {
            "info" => self.text.to_owned(),
            level => format!("{level}: {}", self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn a_line_tells_its_thread_its_level_and_its_vm() {
        let line = "[2026-01-02 03:04:05.678][42][warning][wasm] \
                    [source/extensions/common/wasm/context.cc:1] wasm log a root vm: b: c";
        let line = Line::parse(line).unwrap();
        assert_eq!((line.thread, line.vm_id), ("42", "vm"));
        assert_eq!(line.shown(), "warning: b: c");
        assert!(Line::parse("[2026-01-02 03:04:05.678][42][info][main] [a:1] wasm").is_none());
    }
}
