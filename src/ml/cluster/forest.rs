//! Who belongs to whom, while clusters are joined. It does not know why they are.

/// A union-find forest; a root is its own parent.
pub(super) struct Forest {
    parents: Vec<usize>,
}

impl Forest {
    /// Makes `n` roots.
    pub(super) fn new(n: usize) -> Forest {
        Forest { parents: (0..n).collect() }
    }

    /// Returns the root above `node`.
    pub(super) fn root(&mut self, node: usize) -> usize {
        let mut root = node;
        while self.parents[root] != root {
            root = self.parents[root];
        }
        let mut at = node;
        while self.parents[at] != root {
            at = std::mem::replace(&mut self.parents[at], root);
        }
        root
    }

    /// Puts `root` under `parent`.
    pub(super) fn set_parent(&mut self, root: usize, parent: usize) {
        self.parents[root] = parent;
    }
}
