//! A recipe that is asked again and again: what depends on the columns alone is settled once for each schema, so that one row
//! costs no more than its expressions. The bits are those of the recipe, whose words it leaves to the recipe, too: where
//! something is wrong, the recipe is asked to say what. It does not know where rows come from.

use std::sync::{Arc, PoisonError, RwLock};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions},
    compute,
    datatypes::SchemaRef,
};

use super::{Recipe, Told, n_odd, with_field};
use crate::{
    base::pool::CHUNK_ROWS,
    frame::{
        Table,
        expr::Ready,
        onnx::{Columns, Graph, Inexpressible},
    },
    stage::{
        error::StageError,
        row_by_row::{Applied, RowByRow},
        work::Work,
    },
};

/// Schemas that are remembered. Rows come with few: a column of whole numbers may have fractions now and then.
const MOST: usize = 8;

/// A recipe, and what is settled of it.
pub struct Lasting {
    recipe: Recipe,
    settled: RwLock<Vec<Arc<Settled>>>,
}

/// A recipe for one schema.
struct Settled {
    schema: SchemaRef,
    columns: Vec<(Ready, Place)>,
    filter: Option<Ready>,
    /// Which columns stay, in order.
    kept: Vec<usize>,
    result: SchemaRef,
}

/// Where a new column goes.
enum Place {
    /// Instead of an old one.
    At(usize),
    /// After all others.
    Last,
}

impl Lasting {
    /// Makes one of which nothing is settled.
    pub fn of(recipe: Recipe) -> Lasting {
        Lasting { recipe, settled: RwLock::default() }
    }

    fn settled(&self, schema: &SchemaRef) -> Option<Arc<Settled>> {
        let all = self.settled.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|s| Arc::ptr_eq(&s.schema, schema) || s.schema == *schema).cloned()
    }

    fn whole(&self, rows: &Table, work: &Work) -> Result<Applied, StageError> {
        let (table, told, keep) = self.recipe.apply(rows, work)?;
        if let Some(settled) = Settled::of(&self.recipe, &rows.schema(), table.schema()) {
            let mut all = self.settled.write().unwrap_or_else(PoisonError::into_inner);
            if all.len() < MOST && all.iter().all(|s| s.schema != settled.schema) {
                all.push(Arc::new(settled));
            }
        }
        let kept = keep.map(|keep| (0..keep.len()).filter(|&row| keep.value(row)).collect());
        Ok(Applied { table, kept, remarks: told.remarks() })
    }
}

impl RowByRow for Lasting {
    fn apply(&self, rows: &Table, work: &Work) -> Result<Applied, StageError> {
        // Longer tables go chunk by chunk, which the recipe knows how to do.
        if (1..=CHUNK_ROWS).contains(&rows.n_rows())
            && let Some(settled) = self.settled(&rows.schema())
            && let Some(applied) = settled.apply(&self.recipe, rows)
        {
            work.check()?;
            return Ok(applied);
        }
        self.whole(rows, work)
    }

    fn graph(
        &self,
        columns: &mut Columns,
        wanted: &[String],
        graph: &mut Graph,
    ) -> Result<(), Inexpressible> {
        self.recipe.graph(columns, wanted, graph)
    }
}

impl Settled {
    /// Settles what a recipe that made `result` of `schema` does; `None` if it cannot be told beforehand.
    fn of(recipe: &Recipe, schema: &SchemaRef, result: SchemaRef) -> Option<Settled> {
        let id = crate::frame::table::id_of(schema);
        let mut now = schema.as_ref().clone();
        let mut columns = Vec::with_capacity(recipe.columns.len());
        for (name, expr) in &recipe.columns {
            let ready = expr.ready(&now).ok()?;
            let place = now.index_of(name).map_or(Place::Last, Place::At);
            now = with_field(&now, name, expr.type_in(&now).ok()?);
            columns.push((ready, place));
        }
        let filter = match &recipe.filter {
            Some(filter) => Some(filter.ready(&now).ok()?),
            None => None,
        };
        let names: Vec<String> = now.fields().iter().map(|f| f.name().clone()).collect();
        let kept = recipe.kept(&names, id.as_deref());
        let kept: Option<Vec<usize>> = kept.iter().map(|name| now.index_of(name).ok()).collect();
        Some(Settled { schema: schema.clone(), columns, filter, kept: kept?, result })
    }

    /// Returns `None` if anything is wrong.
    fn apply(&self, recipe: &Recipe, rows: &Table) -> Option<Applied> {
        let n_rows = rows.n_rows();
        let mut arrays: Vec<ArrayRef> = rows.batch().columns().to_vec();
        arrays.reserve(self.columns.len());
        let mut told = Told { n_rows, ..Told::default() };
        for ((ready, place), (name, _)) in self.columns.iter().zip(&recipe.columns) {
            let values = ready.eval(&arrays, n_rows).ok()?;
            let n = n_odd(&values);
            if n > 0 {
                told.odd.push((name.clone(), n));
            }
            match place {
                Place::At(index) => arrays[*index] = values,
                Place::Last => arrays.push(values),
            }
        }
        let keep = match &self.filter {
            Some(filter) => Some(filter.eval(&arrays, n_rows).ok()?),
            None => None,
        };
        let mut kept = None;
        let mut n_kept = n_rows;
        let mut out: Vec<ArrayRef> = self.kept.iter().map(|&index| arrays[index].clone()).collect();
        if let Some(keep) = keep {
            let truth = keep.as_boolean_opt()?;
            let stays = |row: &usize| truth.is_valid(*row) && truth.value(*row);
            let rows: Vec<usize> = (0..n_rows).filter(stays).collect();
            n_kept = rows.len();
            told.n_left_out = n_rows - n_kept;
            if n_kept < n_rows {
                let mask: BooleanArray = (0..n_rows).map(|row| Some(stays(&row))).collect();
                out = out.iter().map(|a| compute::filter(a, &mask).ok()).collect::<Option<_>>()?;
            }
            kept = Some(rows);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(n_kept));
        let batch = RecordBatch::try_new_with_options(self.result.clone(), out, &options).ok()?;
        Some(Applied { table: Table::from_batch(batch), kept, remarks: told.remarks() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::array::{Date32Array, Float64Array, Int64Array, StringArray};
    use serde_json::json;

    use super::*;
    use crate::{
        kinds::features_derive::{FeaturesDerive, sound},
        stage::memory,
    };

    /// Values that a row may meet: none, ties, extremes, texts that no level is called.
    fn table(n_rows: usize, seed: u64) -> Table {
        let mut state = seed;
        let mut roll = |n: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % n
        };
        let floats =
            [None, Some(0.0), Some(-0.0), Some(1.5), Some(1e308), Some(f64::NAN), Some(5e-324)];
        let a: Float64Array = (0..n_rows).map(|_| floats[roll(7) as usize]).collect();
        let whole = [None, Some(0), Some(3), Some(-7), Some(i64::from(i32::MAX))];
        let n: Int64Array = (0..n_rows).map(|_| whole[roll(5) as usize]).collect();
        let words = [None, Some(""), Some("x"), Some("unknown \u{e9}")];
        let t: StringArray = (0..n_rows).map(|_| words[roll(4) as usize]).collect();
        let d: Date32Array =
            (0..n_rows).map(|_| [None, Some(0), Some(20_000)][roll(3) as usize]).collect();
        let id: StringArray = (0..n_rows).map(|i| Some(format!("c{i}"))).collect();
        let columns: [(&str, ArrayRef); 5] = [
            ("id", Arc::new(id)),
            ("a", Arc::new(a)),
            ("n", Arc::new(n)),
            ("t", Arc::new(t)),
            ("d", Arc::new(d)),
        ];
        Table::new(Some("id"), columns.to_vec()).unwrap()
    }

    fn recipe() -> Recipe {
        let written = json!({
            "columns": {
                "ratio": "a / nullif(n, 0)",
                "over": "a / n",
                "a": "coalesce(a, 1) * 2",
                "same": "case when t = 'x' then ratio when n > 1 then 1 // n else null end",
                "days": "date_diff('day', d, date '2026-01-01')",
                "constant": "1 + 1",
                "log": "ln(1 + abs(n))",
            },
            "where": "n is null or n <> 3",
            "drop": ["d"],
            "rename": { "over": "beyond" },
        });
        sound(&memory::canonical(&FeaturesDerive, &written).unwrap()).unwrap()
    }

    #[test]
    fn what_is_settled_gives_the_same_bits() {
        let work = Work::alone(1);
        let lasting = Lasting::of(recipe());
        let rows = table(300, 7);
        lasting.apply(&rows, &work).unwrap();
        let settled = lasting.settled(&rows.schema()).expect("it was asked once");
        for (start, n) in (0..300).map(|start| (start, 1)).chain([(0, 300), (17, 64)]) {
            let part = Table::from_batch(rows.batch().slice(start, n));
            let (expected, told, keep) = recipe().apply(&part, &work).unwrap();
            let keep = keep.unwrap();
            let quick = settled.apply(&recipe(), &part).expect("nothing is wrong");
            assert_eq!(quick.table.schema(), expected.schema());
            let shown = |table: &Table| -> BTreeMap<String, String> {
                let arrays = table.names().into_iter().zip(table.batch().columns());
                arrays.map(|(name, array)| (name, bits(array))).collect()
            };
            assert_eq!(shown(&quick.table), shown(&expected), "{n} from {start}");
            let kept: Vec<usize> = (0..n).filter(|&row| keep.value(row)).collect();
            assert_eq!(quick.kept, Some(kept));
            assert_eq!(quick.remarks, told.remarks());
        }
    }

    /// Floats as bits: -0.0 and NaN count.
    fn bits(array: &ArrayRef) -> String {
        use arrow::datatypes::Float64Type;
        match array.as_primitive_opt::<Float64Type>() {
            Some(floats) => {
                format!("{:?}", floats.iter().map(|v| v.map(f64::to_bits)).collect::<Vec<_>>())
            }
            None => format!("{array:?}"),
        }
    }

    /// A value that cannot be computed is told by the recipe, with its row.
    #[test]
    fn the_recipe_says_what_is_wrong() {
        let written = json!({ "columns": { "number": "cast(t as integer)" } });
        let recipe = || sound(&memory::canonical(&FeaturesDerive, &written).unwrap()).unwrap();
        let (work, lasting) = (Work::alone(1), Lasting::of(recipe()));
        let fine = Table::new(
            Some("id"),
            vec![
                ("id", Arc::new(StringArray::from(vec!["p"])) as ArrayRef),
                ("t", Arc::new(StringArray::from(vec!["12"])) as ArrayRef),
            ],
        );
        lasting.apply(&fine.unwrap(), &work).unwrap();
        let wrong = Table::new(
            Some("id"),
            vec![
                ("id", Arc::new(StringArray::from(vec!["q"])) as ArrayRef),
                ("t", Arc::new(StringArray::from(vec!["twelve"])) as ArrayRef),
            ],
        );
        let wrong = wrong.unwrap();
        let error = lasting.apply(&wrong, &work).unwrap_err().to_string();
        let Err(expected) = recipe().apply(&wrong, &work) else { panic!("it is wrong") };
        assert_eq!(error, expected.to_string());
        assert!(error.contains("row 0 (id q)"), "{error}");
    }
}
