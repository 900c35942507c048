//! `segments.profile`: says who the segments are, in figures, words and a page.
//! It does not know how they were found.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    frame::Table,
    kinds::segments::{
        Settings, answers, bands,
        carried::{self, Written},
        continuity::Continuity,
        dendrogram, density,
        details::{self, Detail},
        drivers, exemplars,
        figures::{self, Segments},
        join, map, matching, names, old_champion,
        page::Story,
        reference, rules, selection,
        space::Space,
        stability, tables, traits,
    },
    stage::{
        ctx::StageCtx,
        error::StageError,
        kind::{
            Checked, FixedOutput, Given, InputPort, Inputs, Kind, PortType, Problem, REFERENCE,
            Reference, Sources,
        },
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
        "names by segment number, as in {0: Loyal premium}; the others are named by their telling traits. With a \
         reference run the numbers are those of its segments",
    ),
    Param::with_default(
        "notes",
        Shape::Map(&Shape::Text),
        "{}",
        "what else there is to say of a segment, by number like `names`",
    ),
    Param::optional(
        REFERENCE,
        Shape::Text,
        "a run (a tag, `latest`, the first digits of its id) whose names and notes are carried over to the segments that \
         have most of the same customers, or else the nearest profile; `summary` tells how, the report who moved and \
         whether that run's champion still holds",
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
        "leave out raw values: text levels are numbered, and neither map nor ids tell of single customers",
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
        help: "what was clustered, for the map (its first two columns), typical customers and how well each fits",
    },
    InputPort {
        name: "candidates",
        ty: PortType::Clusterings,
        required: false,
        help: "the clustering stages, for figures by number of clusters, the tree of Ward and the radius of DBSCAN",
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
    InputPort {
        name: "classifiers",
        ty: PortType::Classifications,
        required: false,
        help: "the classifier stages, the champion among them, for scores, confusion and calibration",
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
        help: "one row a segment: size, share, name, telling traits, note, ids of typical customers, stability, and its \
               counterpart in the reference run",
    },
    FixedOutput {
        name: "details",
        ty: PortType::Table,
        help: "what else the page tells in figures: the rules' coverage and precision, silhouettes by segment, calibration",
    },
    FixedOutput { name: "report", ty: PortType::Report, help: "all of it on one page" },
];

impl Kind for SegmentsProfile {
    fn name(&self) -> &'static str {
        "segments.profile"
    }

    fn version(&self) -> u32 {
        8
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
        let schemas = [
            ("profile", tables::profile_schema()),
            ("summary", tables::summary_schema()),
            ("details", details::schema()),
        ];
        let mut problems = Vec::new();
        for what in ["names", "notes"] {
            let written: BTreeMap<String, String> = given
                .params
                .get(what)
                .and_then(|map| serde_json::from_value(map.clone()).ok())
                .unwrap_or_default();
            if let Err(key) = names::parse(&written) {
                problems.push(Problem::new(
                    &[what, &key],
                    format!("`{key}` is not a segment number"),
                    format!("keys are whole numbers: {what}: {{ 0: Loyal premium }}"),
                ));
            }
        }
        Checked {
            schemas: schemas.map(|(port, s)| (port.to_string(), Arc::new(s))).into_iter().collect(),
            problems,
            ..Checked::default()
        }
    }

    fn sources(&self, params: &Value) -> Sources {
        let run = params.get(REFERENCE).and_then(Value::as_str).map(str::to_string);
        let reference = run.map(|run| Reference {
            run,
            kind: "segments.profile",
            inputs: &["labels", "champion"],
            outputs: &["profile", "summary"],
        });
        Sources { snapshot: true, not_in_key: &[REFERENCE], reference, ..Sources::default() }
    }

    fn run(&self, ctx: &mut StageCtx<'_>) -> Result<(), StageError> {
        let settings: Settings = ctx.params()?;
        let written = Written::parse(&settings.names, &settings.notes)?;
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
        let reference = reference::Reference::read(ctx.files())?;
        let matching = match &reference {
            Some(reference) => {
                let redact = settings.redact;
                Some(matching::find(&table, &segments, &profiles, reference, redact, ctx.work)?)
            }
            None => None,
        };
        let carried = match (&reference, &matching) {
            (Some(reference), Some(matching)) => {
                carried::over(&written, &segments, reference, matching)?
            }
            _ => carried::here(&written, &segments)?,
        };
        let names = names::all(&segments.numbers, &telling, &carried.names)?;
        let words: Vec<Vec<String>> = telling
            .iter()
            .map(|traits| traits.iter().take(settings.traits).map(|t| t.words.clone()).collect())
            .collect();
        let joined: Vec<String> = words.iter().map(|words| words.join("; ")).collect();
        let space = match ctx.optional_table("matrix")? {
            Some(matrix) => Some(Space::new(&table, &matrix)?),
            None => None,
        };
        let single = space.as_ref().filter(|_| !settings.redact);
        let exemplars = match single {
            Some(space) => exemplars::find(&table, space, &segments)?,
            None => vec![Vec::new(); segments.len()],
        };
        let leaderboard = ctx.optional_table("leaderboard")?;
        let stability = match &leaderboard {
            Some(board) => stability::of(board, &segments.numbers),
            None => vec![f64::NAN; segments.len()],
        };
        let chosen = ctx.input("labels").map(|labels| labels.hash);
        let candidates = ctx.candidates("candidates");
        let continuity = match (&reference, &matching) {
            (Some(reference), Some(matching)) => {
                let champions = Champions { reference, matching, table: &table };
                let verdict = champions.verdict(ctx, &segments)?;
                let (carried, names) = (&carried, &names[..]);
                let segments = &segments;
                let told = Continuity { reference, matching, carried, segments, names, verdict };
                ctx.note(told.words());
                told.carried.lost.iter().for_each(|lost| ctx.note(lost));
                if !told.verdict.is_empty() {
                    ctx.note(&told.verdict);
                }
                Some(told)
            }
            _ => None,
        };
        let rules = rules::find(&profiles, &segments, &names, settings.redact, ctx.work)?;
        let bands = match &space {
            Some(space) => bands::draw(space, &segments, ctx.work)?,
            None => None,
        };
        let answers = answers::of(ctx.candidates("classifiers"), ctx.input("champion"));
        let calibration = answers.map(|answers| answers.details()).transpose()?;
        let story = Story {
            notes: &carried.notes,
            continuity: continuity.map_or(String::new(), |told| told.html()),
            segments: &segments,
            profiles: &profiles,
            names: &names,
            traits: &words,
            stability: &stability,
            exemplars: &exemplars,
            rules: rules.as_ref(),
            map: single.and_then(|space| map::draw(&segments, space)),
            bands: bands.as_ref(),
            leaderboard: leaderboard.as_ref().map(selection::leaderboard).transpose()?,
            sweep: selection::sweep(candidates, chosen)?,
            dendrogram: dendrogram::draw(candidates, chosen)?,
            density: match &space {
                Some(space) => density::draw(candidates, space, ctx.work)?,
                None => None,
            },
            classifiers: classifiers(ctx, &table, &segments, &names)?,
        };
        let page = story.html();
        ctx.write("profile", &tables::profile(&segments, &profiles)?)?;
        let summary = tables::Summary {
            segments: &segments,
            names: &names,
            traits: &joined,
            carried: &carried,
            exemplars: &exemplars,
            stability: &stability,
            reference: reference.as_ref().zip(matching.as_ref()),
        };
        ctx.write("summary", &summary.table()?)?;
        let mut figures: Vec<Detail> = Vec::new();
        figures.extend(rules.into_iter().flat_map(|told| told.details));
        figures.extend(bands.into_iter().flat_map(|bands| bands.details));
        figures.extend(calibration.into_iter().flatten());
        ctx.write("details", &details::table(&figures)?)?;
        ctx.write_bytes("report", page.as_bytes())
    }
}

/// Returns the sections about the classifiers: from their own artifacts if the champion's stage is connected, else what can be
/// asked of its model.
fn classifiers(
    ctx: &mut StageCtx<'_>,
    table: &Table,
    segments: &Segments,
    names: &[String],
) -> Result<String, StageError> {
    let champion = ctx.input("champion");
    if let Some(answers) = answers::of(ctx.candidates("classifiers"), champion) {
        let name = |number: i32| {
            let index = segments.numbers.iter().position(|n| *n == number);
            index.map_or(String::new(), |index| names[index].clone())
        };
        return answers.html(&name);
    }
    let Some(model) = ctx.optional_table("champion")? else { return Ok(String::new()) };
    match drivers::find(&model, table, segments, ctx.work)? {
        Ok(drivers) => Ok(drivers.html()),
        Err(why) => {
            ctx.note(format!("no section about the champion: {why}"));
            Ok(String::new())
        }
    }
}

/// What is needed to hold the reference run's classifier against the new one.
struct Champions<'a> {
    reference: &'a reference::Reference,
    matching: &'a matching::Matching,
    table: &'a Table,
}

impl Champions<'_> {
    /// Says whether the old classifier still holds; empty if there was none.
    fn verdict(&self, ctx: &StageCtx<'_>, segments: &Segments) -> Result<String, StageError> {
        let champion = ctx.optional_table("champion")?;
        let answers = answers::of(ctx.candidates("classifiers"), ctx.input("champion"));
        let held_out = match answers {
            Some(answers) => Some(answers.held_out(self.table)?),
            None => None,
        };
        let asked = old_champion::ask(
            self.reference,
            self.matching,
            champion.as_ref(),
            self.table,
            segments,
            held_out,
            ctx.work,
        )?;
        Ok(match asked {
            None => String::new(),
            Some(Ok(verdict)) => verdict.words(),
            Some(Err(why)) => format!("the reference's champion cannot be asked: {why}"),
        })
    }
}
