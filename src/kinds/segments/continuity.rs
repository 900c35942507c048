//! The section about the reference run: which segment was which, who moved, and whether its classifier still holds.
//! It does not find any of it.

use crate::kinds::{
    page::{self, Heat, number, palette},
    segments::{
        carried::{Carried, Source},
        figures::Segments,
        label,
        matching::{LEAST_SHARE, Matching, Method, Pair},
        reference::Reference,
    },
};

/// Everything about the reference run.
pub struct Continuity<'a> {
    /// What it lent.
    pub reference: &'a Reference,
    /// Which segment is which.
    pub matching: &'a Matching,
    /// What was carried over.
    pub carried: &'a Carried,
    /// The segments here, and their names.
    pub segments: &'a Segments,
    /// Their names.
    pub names: &'a [String],
    /// What came of asking the old champion, in a sentence; empty if there was none.
    pub verdict: String,
}

impl Continuity<'_> {
    /// Returns the matching in a sentence.
    pub fn words(&self) -> String {
        let n_close = self.matching.pairs.iter().flatten().filter(|pair| pair.is_close()).count();
        let n_here = self.segments.numbers.iter().filter(|s| **s >= 0).count();
        let n_rows = self.segments.of_row.len();
        let how = match self.matching.method {
            Method::Ids => format!(
                "by ids ({} of {} customers were there too)",
                number::count(self.matching.n_known),
                number::count(n_rows)
            ),
            Method::Profile => {
                "by profile (too few ids are in both; each customer counts for the nearest segment there)".to_string()
            }
        };
        format!("segments matched with the reference run {how}: {n_close} of {n_here} carry over")
    }

    /// Returns the section.
    pub fn html(&self) -> String {
        let mut lead = page::escape(&self.words());
        lead.push_str(&format!(
            ". A name carries over where at least {} of a segment's known customers come from its counterpart.",
            number::percent(LEAST_SHARE)
        ));
        let mut out = self.pairs();
        for lost in &self.carried.lost {
            out.push_str(&format!("<p class=\"note\">{}.</p>\n", page::escape(lost)));
        }
        if !self.verdict.is_empty() {
            out.push_str(&format!("<p>{}.</p>\n", page::escape(&capital(&self.verdict))));
        }
        out.push_str(&self.moves());
        page::section("reference", "Compared with the reference run", &capital(&lead), &out)
    }

    fn pairs(&self) -> String {
        let row = |index: usize| {
            let number = self.segments.numbers[index];
            let here = format!(
                "<span class=\"tag\">{}{}</span> {}",
                palette::key(number),
                label(number),
                page::value(&self.names[index])
            );
            let pair = self.matching.pairs[index];
            let (there, share) = match pair {
                Some(pair) => {
                    let old = &self.reference.segments[pair.old];
                    (
                        format!("{} {}", old.number, page::value(&old.name)),
                        number::percent(pair.share),
                    )
                }
                None => ("none".to_string(), number::figure(f64::NAN)),
            };
            let what = match (self.carried.from[index], pair.is_some_and(|p| p.is_close())) {
                (Source::Written, _) => "name from the pipeline file",
                (Source::Reference, _) => "name carried over",
                (Source::Made, true) => "same segment",
                (Source::Made, false) => "new segment, name made",
            };
            vec![here, there, share, what.to_string()]
        };
        let shown = (0..self.segments.len()).filter(|&i| self.segments.numbers[i] >= 0);
        let rows: Vec<Vec<String>> = shown.map(row).collect();
        let numeric = [false, false, true, false];
        page::table(&["segment", "was", "of it from there", "name"], &numeric, &rows)
    }

    /// Who was where and is where now.
    fn moves(&self) -> String {
        let table = &self.matching.table;
        if self.matching.method != Method::Ids || table.rows.is_empty() {
            return String::new();
        }
        let name = |number: i32| {
            let old =
                self.reference.place(number).map(|place| &self.reference.segments[place].name);
            let name =
                old.map_or(String::new(), |name| page::value_within(name, page::LONGEST_HEAD));
            format!("{} {name}", label(number))
        };
        let rows: Vec<String> = table.rows.iter().map(|number| name(*number)).collect();
        let tag = |number: &i32| format!("{}{}", palette::key(*number), label(*number));
        let columns: Vec<String> = table.columns.iter().map(tag).collect();
        let is_pair = |old: i32, new: i32| {
            let index = self.segments.numbers.iter().position(|n| *n == new);
            let pair: Option<Pair> = index.and_then(|index| self.matching.pairs[index]);
            pair.is_some_and(|pair| self.reference.segments[pair.old].number == old)
        };
        let heat = Heat { rows: &rows, columns: &columns, upright: false };
        let html = heat.html(|i, j| {
            let n = table.counts[i][j];
            let of: u64 = table.counts[i].iter().sum();
            let share = n as f64 / (of as f64).max(1.0);
            let stays = is_pair(table.rows[i], table.columns[j]);
            Some((if stays { share } else { -share }, number::count(n as usize)))
        });
        format!(
            "<h3 class=\"sub\">Who moved</h3>\n<p class=\"lead\">Segment there by row, here by column; orange has moved.</p>\n{html}"
        )
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}
