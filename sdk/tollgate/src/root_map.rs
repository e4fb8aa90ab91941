//! A map by plugin: a VM has one or two of them, and in a moment of change a few more.

/// Values by root context, in a list: for so few, and smaller in a module than a hash map.
pub(crate) struct RootMap<V>(Vec<(u32, V)>);

impl<V> Default for RootMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> RootMap<V> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &V)> {
        self.0.iter().map(|(root, value)| (*root, value))
    }

    pub(crate) fn get(&self, root: u32) -> Option<&V> {
        self.iter().find(|(it, _)| *it == root).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, root: u32) -> Option<&mut V> {
        self.0.iter_mut().find(|(it, _)| *it == root).map(|(_, value)| value)
    }

    /// Puts a value in the place of the one before, which is returned.
    pub(crate) fn insert(&mut self, root: u32, value: V) -> Option<V> {
        let before = self.remove(root);
        self.0.push((root, value));
        before
    }

    pub(crate) fn remove(&mut self, root: u32) -> Option<V> {
        let index = self.0.iter().position(|(it, _)| *it == root)?;
        Some(self.0.swap_remove(index).1)
    }

    /// The value, made if there is none.
    pub(crate) fn get_or_default(&mut self, root: u32) -> Option<&mut V>
    where
        V: Default,
    {
        if self.get(root).is_none() {
            self.0.push((root, V::default()));
        }
        self.get_mut(root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_value_of_each_root() {
        let mut map = RootMap::<u8>::new();
        assert_eq!(map.get_or_default(7).copied(), Some(0));
        assert_eq!((map.insert(7, 1), map.insert(8, 2)), (Some(0), None));
        assert_eq!(map.get_or_default(7).copied(), Some(1));
        assert_eq!((map.remove(7), map.remove(7), map.get(8)), (Some(1), None, Some(&2)));
        assert_eq!(map.iter().collect::<Vec<_>>(), [(8, &2)]);
    }
}
