//! Field masks of updates.

use onethread_errors::{Error, Result};
use prost_types::FieldMask;

/// The fields that an update changes.
#[derive(Debug)]
pub(crate) struct Mask(Vec<&'static str>);

impl Mask {
    /// The fields that a mask names. An empty mask means all fields with a value (AIP-134). `fields`
    /// has the path of each field that can be changed, and whether the request has a value for it.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the mask names another path.
    pub(crate) fn new(mask: Option<FieldMask>, fields: &[(&'static str, bool)]) -> Result<Self> {
        let paths = mask.unwrap_or_default().paths;
        if paths.is_empty() {
            let populated = fields.iter().filter(|(_, is_populated)| *is_populated);
            return Ok(Self(populated.map(|(path, _)| *path).collect()));
        }
        let invalid = || Error::invalid("update_mask", "names a field that can't be changed");
        let known =
            |path: &String| fields.iter().map(|(known, _)| *known).find(|known| known == path);
        paths.iter().map(|path| known(path).ok_or_else(invalid)).collect::<Result<_>>().map(Self)
    }

    /// True if the field changes.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains(&path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(paths: &[&str]) -> Option<FieldMask> {
        Some(FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() })
    }

    #[test]
    fn an_empty_mask_means_the_fields_with_a_value() {
        let fields = [("name", true), ("role", false)];
        for empty in [None, mask(&[])] {
            assert_eq!(Mask::new(empty, &fields).unwrap().0, ["name"]);
        }
        let named = Mask::new(mask(&["role"]), &fields).unwrap();
        assert!(named.has("role") && !named.has("name"));
        for path in ["id", "*", "name.first", ""] {
            let error = Mask::new(mask(&["name", path]), &fields).unwrap_err();
            assert_eq!(error.fields[0].path, "update_mask", "{path:?}");
        }
    }
}
