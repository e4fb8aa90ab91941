//! What `MOVING.md` shows can be configured.

use serde_json::Value;
use tollgate_jwt_auth::authenticator::Authenticator;

const DOCUMENT: &str = include_str!("../MOVING.md");

/// The JSON between two texts, wherever they are.
fn between<'a>(begin: &str, end: &str) -> Vec<&'a str> {
    let parts = DOCUMENT.split(begin).skip(1);
    parts.map(|part| part.split(end).next().unwrap_or_default()).collect()
}

#[test]
fn every_configuration_that_is_shown_is_one() {
    let shown = [between("```json\n", "```"), between("pluginConfig: ", "```")].concat();
    assert_eq!(shown.len(), 2);
    for text in shown {
        let config: Value = serde_json::from_str(text).unwrap();
        let config = tollgate::config::from_slice(config.to_string().as_bytes()).unwrap();
        let authenticator = Authenticator::new(config).unwrap();
        assert!(authenticator.has_rules());
    }
}

/// Fields are named in tables, too: each of them is in the schema.
#[test]
fn every_field_that_is_named_exists() {
    const SCHEMA: &str = include_str!("../schema.json");
    let cells = DOCUMENT.lines().filter_map(|line| line.rsplit_once(" | "));
    let quoted = cells.flat_map(|(_, last)| last.split('`').skip(1).step_by(2));
    let fields = quoted.filter(|text| text.contains('_') && !text.contains([' ', '%', ':']));
    // Stats and matchers of other parts of Envoy.
    let fields = fields.filter(|text| !text.starts_with("wasmcustom") && *text != "filter_state");
    let mut count = 0;
    for field in fields.flat_map(|path| path.split('.')) {
        assert!(SCHEMA.contains(&format!("\"{field}\"")), "{field}");
        count += 1;
    }
    assert!(count > 15, "{count}");
}
