//! `segments.profile`: says who the segments are, in figures, words and a page.
//! It does not know how they were found.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    kinds::segments::{
        Settings, drivers,
        figures::{self, Segments},
        join, map, names,
        page::Story,
        selection, tables, traits,
    },
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{Checked, FixedOutput, Given, InputPort, Inputs, Kind, PortType, Problem},
        params::{Param, Shape},
    },
};

/// The kind `segments.profile`.
pub struct SegmentsProfile;

static PARAMS: &[Param] = &[
    Param::with_default(
        "names",
        Shape::Map(&Shape::Text),
        "{}",
        "names by segment number, as in {0: Loyal premium}; the others are named by their telling traits",
    ),
    Param::with_default(
        "traits",
        Shape::Int { min: 0, max: 20 },
        "3",
        "how many telling traits a segment gets",
    ),
    Param::with_default(
        "top_levels",
        Shape::Int { min: 1, max: 10_000 },
        "20",
        "levels of a category told one by one; the rest are one, `(other)`",
    ),
    Param::with_default(
        "redact",
        Shape::Bool,
        "false",
        "leave out raw values: text levels are numbered, and there is no map of single customers",
    ),
];

static INPUTS: &[InputPort] = &[
    InputPort {
        name: "table",
        ty: PortType::Table,
        required: true,
        help: "the customers in original units, the same ids as the labels",
    },
    InputPort { name: "labels", ty: PortType::Labels, required: true, help: "their segments" },
    InputPort {
        name: "matrix",
        ty: PortType::Matrix,
        required: false,
        help: "what was clustered; its first two columns make the map",
    },
    InputPort {
        name: "candidates",
        ty: PortType::Clusterings,
        required: false,
        help: "the clustering stages, for figures by number of clusters",
    },
    InputPort {
        name: "leaderboard",
        ty: PortType::Table,
        required: false,
        help: "of select.clustering, for the reason why each candidate won or lost",
    },
    InputPort {
        name: "champion",
        ty: PortType::Classifier,
        required: false,
        help: "the classifier, for what it goes by",
    },
];

static OUTPUTS: &[FixedOutput] = &[
    FixedOutput {
        name: "profile",
        ty: PortType::Table,
        help: "each column in each segment: numbers and dates (days since 1970-01-01) by mean, median, std, z and \
               relative importance; categories a row a level, by share of the rows with a value and lift",
    },
    FixedOutput {
        name: "summary",
        ty: PortType::Table,
        help: "one row a segment: size, share, name, telling traits",
    },
    FixedOutput { name: "report", ty: PortType::Report, help: "all of it on one page" },
];

impl Kind for SegmentsProfile {
    fn name(&self) -> &'static str {
        "segments.profile"
    }

    fn version(&self) -> u32 {
        2
    }

    fn about(&self) -> &'static str {
        "Say who the segments are: sizes, figures of every column, telling traits, names, and a page"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn inputs(&self) -> Inputs {
        Inputs::Fixed(INPUTS)
    }

    fn fixed_outputs(&self) -> &'static [FixedOutput] {
        OUTPUTS
    }

    fn check(&self, given: &Given) -> Checked {
        let schemas =
            [("profile", tables::profile_schema()), ("summary", tables::summary_schema())];
        let written: BTreeMap<String, String> = given
            .params
            .get("names")
            .and_then(|names| serde_json::from_value(names.clone()).ok())
            .unwrap_or_default();
        let problems = match names::parse(&written) {
            Ok(_) => Vec::new(),
            Err(key) => vec![Problem::new(
                &["names", &key],
                format!("`{key}` is not a segment number"),
                "keys are whole numbers: names: { 0: Loyal premium }",
            )],
        };
        Checked {
            schemas: schemas.map(|(port, s)| (port.to_string(), Arc::new(s))).into_iter().collect(),
            problems,
            ..Checked::default()
        }
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let settings: Settings = ctx.params()?;
        let given = names::parse(&settings.names)
            .map_err(|key| StageError::Data(format!("`names`: `{key}` is not a segment number")))?;
        let table = ctx.table("table")?;
        let labels = ctx.table("labels")?;
        let on_labels = |error| StageError::Column { port: "labels".to_string(), error };
        let of_label = labels.segments().map_err(on_labels)?;
        let rows = join::rows_in(&table, &labels, "labels")?;
        let segments = Segments::new(&rows.iter().map(|&row| of_label[row]).collect::<Vec<_>>());
        let profiles =
            figures::all(&table, &segments, settings.top_levels, settings.redact, ctx.work)?;
        let telling =
            ctx.work.pool.map(segments.len(), |index| traits::of_segment(index, &profiles));
        ctx.work.check()?;
        let names = names::all(&segments.numbers, &telling, &given)?;
        let words: Vec<Vec<String>> = telling
            .iter()
            .map(|traits| traits.iter().take(settings.traits).map(|t| t.words.clone()).collect())
            .collect();
        let joined: Vec<String> = words.iter().map(|words| words.join("; ")).collect();
        let matrix = ctx.optional_table("matrix")?.filter(|_| !settings.redact);
        let map = match &matrix {
            Some(matrix) => map::draw(&table, &segments, matrix)?,
            None => None,
        };
        let leaderboard = ctx.optional_table("leaderboard")?;
        let drivers = match ctx.optional_table("champion")? {
            Some(model) => drivers::find(&model, &table, &segments, ctx.work)?
                .map_err(|why| ctx.note(format!("no section about the champion: {why}")))
                .ok(),
            None => None,
        };
        let story = Story {
            segments: &segments,
            profiles: &profiles,
            names: &names,
            traits: &words,
            map: map.as_ref(),
            leaderboard: leaderboard.as_ref().map(selection::leaderboard).transpose()?,
            sweep: selection::sweep(ctx.candidates("candidates"))?,
            drivers: drivers.as_ref().map(drivers::Drivers::html),
        };
        let page = story.html();
        ctx.write("profile", &tables::profile(&segments, &profiles)?)?;
        ctx.write("summary", &tables::summary(&segments, &names, &joined)?)?;
        ctx.write_bytes("report", page.as_bytes())
    }
}
