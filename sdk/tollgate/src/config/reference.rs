//! What a configuration may hold, for editors and for readers: made from its Rust types.

mod schema;
mod table;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde_json::Value;

/// The reference of a configuration: a JSON Schema and a Markdown table. Not in modules, only where
/// tests and tools run.
///
/// Both come from `#[derive(JsonSchema)]`: types, ranges, defaults, and the doc comments.
/// [`Reference::write`] puts them beside a filter, and a test with [`Reference::stale`] keeps them
/// there as they should be:
///
/// ```
/// use tollgate::config::{AtLeastOne, Duration, Reference};
/// use tollgate::prelude::*;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Config {
///     /// How many may wait. Default: no limit.
///     max_waiting: Option<AtLeastOne>,
///     /// How long they may wait.
///     timeout: Duration,
/// }
///
/// let reference = Reference::of::<Config>("queue");
/// let table = reference.table();
/// assert!(table.contains("| `max_waiting` | whole number from 1 | no limit | How many may wait. |"));
/// assert!(table.contains("| `timeout` | duration | required | How long they may wait. |"));
/// assert_eq!(reference.schema()["additionalProperties"], false);
/// ```
///
/// # In doc comments
///
/// - `Default: no limit.` as the last sentence goes to the table's column for defaults. It is for
///   what the type cannot say; a `#[serde(default)]` of a type that is `Serialize` shows by itself.
/// - The comment of a field says what the field is for; that of its type shows only where the field has
///   none.
///
/// # What editors make of it
///
/// The schema is of draft 7, which editors know best. A name in its other spelling (`fixedDelay`) is
/// a `patternProperties`: accepted and explained, but not offered for completion. `null` is not in the
/// schema, although it is read as an optional field left out: in YAML it is mostly a slip.
#[derive(Clone, Debug)]
pub struct Reference {
    schema: Value,
    table: String,
}

const BEGIN: &str = "<!-- tollgate:reference";
const END: &str = "<!-- /tollgate:reference -->";

impl Reference {
    /// The reference of a configuration `C`; the schema's title is `title`.
    #[must_use]
    pub fn of<C: JsonSchema>(title: &str) -> Self {
        let plain = schema::plain::<C>(title);
        let table = table::markdown(&plain, &schema::order::<C>());
        Self { schema: schema::for_editors(plain), table }
    }

    /// The JSON Schema.
    #[must_use]
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// A Markdown table of all fields, nested ones by their path, and a list of the types in it.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Writes `schema.json`, and the table into `README.md` between a line that begins with
    /// `<!-- tollgate:reference` and the line `<!-- /tollgate:reference -->`. Gives the files that
    /// have changed.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written, or the README has no such lines.
    pub fn write(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let stale = self.contents_of_stale(folder)?;
        stale.into_iter().map(|(path, content)| fs::write(&path, content).map(|()| path)).collect()
    }

    /// The files that [`Reference::write`] would change.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn stale(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.contents_of_stale(folder)?.into_iter().map(|(path, _)| path).collect())
    }

    fn contents_of_stale(&self, folder: &Path) -> io::Result<Vec<(PathBuf, String)>> {
        let (schema, readme) = (folder.join("schema.json"), folder.join("README.md"));
        let fresh_schema = format!("{:#}\n", self.schema);
        let old_readme = fs::read_to_string(&readme)?;
        let fresh_readme = put_between(&old_readme, &self.table).ok_or_else(|| {
            let text = format!("{}: no lines {BEGIN} --> and {END}", readme.display());
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?;
        let old_schema = match fs::read_to_string(&schema) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let files = [(schema, old_schema, fresh_schema), (readme, old_readme, fresh_readme)];
        let stale = files.into_iter().filter(|(_, old, fresh)| old != fresh);
        Ok(stale.map(|(path, _, fresh)| (path, fresh)).collect())
    }
}

/// `text` with `table` in the place between the two lines; nothing when they are not there.
fn put_between(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (begin, rest) = rest.split_once('\n')?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{begin}\n\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests;
