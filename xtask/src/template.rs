//! The placeholders of an Envoy configuration that is filled in, such as `envoy-configs/demo.yaml`.

use anyhow::{Context, Result, ensure};

/// Puts values in the places of their `${NAME}`.
///
/// # Errors
///
/// When a place has no value, or a value no place.
pub(crate) fn render(template: &str, values: &[(&str, String)]) -> Result<String> {
    let mut unused: Vec<_> = values.iter().map(|(name, _)| *name).collect();
    let mut rendered = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').context("a placeholder without its end")?;
        let (_, value) = values
            .iter()
            .find(|(known, _)| *known == name)
            .with_context(|| format!("no value for ${{{name}}}"))?;
        unused.retain(|other| *other != name);
        rendered.push_str(before);
        rendered.push_str(value);
        rest = after;
    }
    ensure!(unused.is_empty(), "no place for {unused:?}");
    rendered.push_str(rest);
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn values_take_the_places_of_their_names_and_are_not_looked_at_again() {
        let values = [("A", "${B}".to_owned()), ("B", "two".to_owned())];
        assert_eq!(render("${A}-${B}-${A}.", &values).unwrap(), "${B}-two-${B}.");
    }

    #[test]
    fn a_name_on_one_side_only_is_an_error() {
        let error = render("port: ${PORT}", &[]).unwrap_err().to_string();
        assert_eq!(error, "no value for ${PORT}");
        let error = render("port: 1", &[("PORT", "1".to_owned())]).unwrap_err().to_string();
        assert_eq!(error, "no place for [\"PORT\"]");
        assert!(render("port: ${PORT", &[("PORT", "1".to_owned())]).is_err());
    }
}
