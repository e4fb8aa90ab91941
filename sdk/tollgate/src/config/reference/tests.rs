use super::*;
use crate::config::{
    AtLeastOne, DataSource, Duration, HttpStatus, Percent, PositiveDuration, Secret,
};
use crate::prelude::*;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// What this is.
#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Config {
    /// Comes first, although `b` is before `z`.
    z_first: String,
    /// Comes second | and has a bar.
    b_second: Option<u32>,
    /// How long. Default: for ever.
    timeout: Option<Duration>,
    #[serde(default = "thirty")]
    interval: PositiveDuration,
    #[serde(default)]
    enabled: bool,
    rules: Vec<Rule>,
    /// By name.
    providers: BTreeMap<String, Rule>,
    mode: Mode,
    level: Level,
    share: Percent,
}

fn thirty() -> PositiveDuration {
    PositiveDuration::seconds::<30>()
}

/// What a rule is.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("oneOf" = [{ "required": ["status_code"] }, { "required": ["not"] }]))]
#[allow(dead_code)]
struct Rule {
    status_code: Option<HttpStatus>,
    /// The opposite.
    not: Option<Box<Rule>>,
    offset: Option<i32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum Mode {
    Off,
    /// At most so many.
    AtMost(AtLeastOne),
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum Level {
    /// much.
    High,
    /// little.
    Low,
}

fn reference() -> Reference {
    Reference::of::<Config>("test")
}

#[test]
fn the_table_has_every_field_in_the_order_of_the_code() {
    let expected = "\
| field | type | default | meaning |
|---|---|---|---|
| `z_first` | string | required | Comes first, although `b` is before `z`. |
| `b_second` | whole number |  | Comes second \\| and has a bar. |
| `timeout` | duration | for ever | How long. |
| `interval` | positive duration | `30s` |  |
| `enabled` | boolean | `false` |  |
| `rules` | list of objects | required | What a rule is. Exactly one of `status_code`, `not`. |
| `rules[].status_code` | whole number from 200 to 599 |  |  |
| `rules[].not` | object, as `rules[]` |  | The opposite. |
| `rules[].offset` | whole number, also negative |  |  |
| `providers` | objects by name, as `rules[]` | required | By name. |
| `mode` | `off` or object | required |  |
| `mode.at_most` | whole number from 1 |  | At most so many. |
| `level` | `high` or `low` | required | `high`: much. `low`: little. |
| `share` | percentage | required |  |
";
    let table = reference().table().to_owned();
    let (table, types) = table.split_once("\n\n").unwrap();
    assert_eq!(format!("{table}\n"), expected);
    let types: Vec<_> = types.lines().map(|line| line.split("**").nth(1).unwrap()).collect();
    assert_eq!(types, ["duration", "percentage", "positive duration"]);
}

#[test]
fn the_schema_accepts_both_spellings_and_nothing_unknown() {
    let reference = reference();
    let schema = reference.schema();
    assert_eq!(schema["title"], "test");
    assert_eq!(schema["description"], "What this is.");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["patternProperties"]["^bSecond$"]["$ref"], "#/properties/b_second");
    let rule = &schema["definitions"]["Rule"];
    assert_eq!(rule["additionalProperties"], false);
    assert_eq!(
        rule["patternProperties"],
        json!({ "^statusCode$": { "$ref": "#/definitions/Rule/properties/status_code" } })
    );
    assert_eq!(
        rule["oneOf"],
        json!([
            { "anyOf": [{ "required": ["status_code"] }, { "required": ["statusCode"] }] },
            { "required": ["not"] },
        ])
    );
    let in_a_spelling =
        json!({ "anyOf": [{ "required": ["z_first"] }, { "required": ["zFirst"] }] });
    assert_eq!(schema["allOf"], json!([in_a_spelling]));
    assert!(!schema["required"].as_array().unwrap().contains(&json!("z_first")));
}

#[test]
fn the_schema_has_the_bounds_of_rust_types_and_no_null() {
    let reference = reference();
    let schema = reference.schema();
    let properties = &schema["properties"];
    let uint32 = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
    for (keyword, value) in uint32.as_object().unwrap() {
        assert_eq!(&properties["b_second"][keyword], value);
    }
    let offset = &schema["definitions"]["Rule"]["properties"]["offset"];
    assert_eq!(offset, &json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }));
    assert!(!schema.to_string().contains("null"));
    assert!(!schema.to_string().contains("\"format\""));
}

#[test]
fn a_field_of_a_named_type_says_what_both_are() {
    let reference = reference();
    let timeout = &reference.schema()["properties"]["timeout"];
    assert_eq!(timeout["title"], "duration");
    assert!(timeout["pattern"].is_string() && timeout.get("allOf").is_none());
    let description = timeout["description"].as_str().unwrap();
    assert!(description.starts_with("How long. Default: for ever.\n\nA length of time"));
    assert!(reference.schema()["definitions"].get("Duration").is_none());
}

#[test]
fn what_may_be_secret_is_described_and_has_no_value() {
    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Config {
        key: Secret,
        text: Option<DataSource>,
    }
    let reference = Reference::of::<Config>("test");
    let table = reference.table();
    assert!(table.contains("| `key` | object | required | A secret that stands here, or in an"));
    assert!(
        table.contains("| `text.environment_variable` | string |  | The name of the environment")
    );
}

/// A folder with a README.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, readme: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tollgate-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("README.md"), readme).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_stale_is_written_and_then_it_is_not_stale() {
    let readme = "# Queue\n\n<!-- tollgate:reference, by a tool -->\nold\n<!-- /tollgate:reference -->\nend\n";
    let folder = Folder::new("stale", readme);
    let files = [folder.0.join("schema.json"), folder.0.join("README.md")];
    assert_eq!(reference().stale(&folder.0).unwrap(), files);
    assert_eq!(fs::read_to_string(&files[1]).unwrap(), readme);
    assert_eq!(reference().write(&folder.0).unwrap(), files);
    assert!(reference().stale(&folder.0).unwrap().is_empty());
    assert!(reference().write(&folder.0).unwrap().is_empty());

    let written = fs::read_to_string(&files[1]).unwrap();
    assert!(written.starts_with("# Queue\n\n<!-- tollgate:reference, by a tool -->\n\n| field |"));
    assert!(written.ends_with("\n<!-- /tollgate:reference -->\nend\n") && !written.contains("old"));
    let schema: Value = serde_json::from_slice(&fs::read(&files[0]).unwrap()).unwrap();
    assert_eq!(&schema, reference().schema());

    fs::write(&files[0], "{}").unwrap();
    assert_eq!(reference().stale(&folder.0).unwrap(), files[..1]);
}

#[test]
fn a_readme_without_a_place_for_the_table_is_an_error_that_says_so() {
    for readme in ["", "<!-- tollgate:reference -->", "<!-- /tollgate:reference -->"] {
        let folder = Folder::new("no-place", readme);
        let error = reference().write(&folder.0).unwrap_err().to_string();
        assert!(error.contains("README.md: no lines <!-- tollgate:reference --> and"), "{error}");
        assert!(!folder.0.join("schema.json").exists());
    }
    assert!(reference().stale(Path::new("/nowhere")).is_err());
}
