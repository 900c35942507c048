//! A recipe as operators. It does not know what the columns are for.
//!
//! Only what something reads later is computed: an expression that cannot be written hurts nobody who does not need it.

use super::Recipe;
use crate::frame::{
    expr::{self, Expr},
    onnx::{Columns, Graph, Inexpressible},
};

impl Recipe {
    /// Writes the new columns and the filter; `wanted` are the columns that something reads afterwards.
    ///
    /// # Errors
    /// If there are no operators for an expression; the text names it.
    pub fn graph(
        &self,
        columns: &mut Columns,
        wanted: &[String],
        graph: &mut Graph,
    ) -> Result<(), Inexpressible> {
        let needed = self.needed(&columns.names(), wanted);
        for ((name, expr), needed) in self.columns.iter().zip(needed) {
            if !needed {
                columns.forget(name);
                continue;
            }
            let whose = format!("column `{name}`");
            let (cell, sound) = expr.graph(columns, graph).map_err(|error| error.of(&whose))?;
            columns.put(name, cell, graph);
            if let Some(sound) = sound {
                columns.only(&sound, graph);
            }
        }
        if let Some(filter) = &self.filter {
            let (cell, sound) =
                filter.graph(columns, graph).map_err(|error| error.of("`where`"))?;
            let is_true = cell.is_true(graph);
            columns.only(&is_true, graph);
            if let Some(sound) = sound {
                columns.only(&sound, graph);
            }
        }
        let kept = self.kept(&columns.names(), None);
        let kept = kept.iter().map(|old| (old.clone(), self.renamed(old).to_string()));
        columns.keep(&kept.collect::<Vec<_>>());
        Ok(())
    }

    /// Tells for each new column whether it is read, by the filter, by a later one that is, or afterwards.
    fn needed(&self, before: &[String], wanted: &[String]) -> Vec<bool> {
        let new = self.columns.iter().map(|(name, _)| name.clone());
        let names: Vec<String> = before.iter().cloned().chain(new).collect();
        let read = |expr: &Expr, read: &mut Vec<String>| {
            for column in expr.columns() {
                let found = expr::resolve(&column, names.iter().map(String::as_str));
                read.extend(found.map(|i| names[i].clone()));
            }
        };
        let is_wanted = |old: &&String| wanted.iter().any(|new| self.renamed(old) == new);
        let mut open: Vec<String> = names.iter().filter(is_wanted).cloned().collect();
        self.filter.iter().for_each(|filter| read(filter, &mut open));
        let mut needed = Vec::with_capacity(self.columns.len());
        for (name, expr) in self.columns.iter().rev() {
            needed.push(open.contains(name));
            if open.contains(name) {
                open.retain(|known| known != name);
                read(expr, &mut open);
            }
        }
        needed.reverse();
        needed
    }
}
