//! The page of an artifact: what columns it has, its first rows, how a column's values lie; or the page that it is.
//! It does not know where artifacts lie.

use std::fmt::Write as _;

use arrow::{
    array::{Array, AsArray},
    datatypes::{DataType, Float64Type},
    util::display::array_value_to_string,
};

use super::{
    asked::{Asked, link, word},
    shell::{Page, command, escape_lines},
    site::Site,
};
use crate::{
    app::{AppError, Artifact, ColumnLook, Values, Where},
    frame::{Table, table::is_numeric},
    kinds::page::{self, Bar, chart, escape, number},
    report::{frame::floats, style::bytes},
};

/// Rows shown of a table.
const ROWS: usize = 200;
/// Columns shown of its first rows.
const COLUMNS: usize = 100;
/// Bytes shown of what is no table.
const TEXT: usize = 64 << 10;

/// Finds the artifact that is asked for.
///
/// # Errors
/// If there is none.
pub fn find(site: &Site, asked: &Asked) -> Result<Artifact, AppError> {
    let Some(of) = asked.get("of") else {
        return Err(AppError::Usage("which artifact? the address names none with `of`".into()));
    };
    match asked.get("run") {
        Some(run) => site.project.artifact(Where::Run(run), of),
        None => {
            let name = site.pipeline(asked.get("pipeline"))?;
            site.project.artifact(Where::Pipeline(Some(&name)), of)
        }
    }
}

/// Returns the page.
///
/// # Errors
/// If there is no such artifact or column, or its bytes are damaged.
pub fn page(site: &Site, asked: &Asked) -> Result<Page, AppError> {
    let artifact = find(site, asked)?;
    let store = site.project.store()?;
    let of = format!("{}.{}", artifact.stage, artifact.port);
    let mut here: Vec<(&str, &str)> = Vec::new();
    here.extend(asked.get("run").map(|run| ("run", run)));
    here.extend(asked.get("pipeline").map(|name| ("pipeline", name)));
    here.push(("of", &of));
    let mut body = facts(site, asked, &artifact, &here)?;
    match artifact.ext.as_str() {
        "html" => body.push_str(&embedded(&artifact)),
        _ if artifact.is_table() => {
            let (table, n_rows) = artifact.table(&store, Some(ROWS))?;
            if let Some(name) = asked.get("column") {
                let look = artifact.column(&store, name, &site.pool)?;
                body.push_str(&column(&look));
            }
            body.push_str(&schema(&table, &here));
            body.push_str(&rows(&table, n_rows));
        }
        _ => body.push_str(&text(&artifact.bytes(&store)?)),
    }
    let from = match asked.get("run") {
        Some(run) => format!("of run <code>{}</code>", escape(&page::cut(run, 12))),
        None => "the newest".to_string(),
    };
    Ok(Page {
        title: of,
        subtitle: from,
        body,
        at: asked.get("pipeline").unwrap_or_default().to_string(),
        events: None,
    })
}

/// Returns the name under which an artifact is saved.
pub fn file_name(artifact: &Artifact) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || "._-=".contains(c) => c,
        _ => '-',
    };
    let name: String = format!("{}.{}", artifact.stage, artifact.port).chars().map(plain).collect();
    format!("{name}.{}", artifact.ext)
}

fn facts(
    site: &Site,
    asked: &Asked,
    artifact: &Artifact,
    here: &[(&str, &str)],
) -> Result<String, AppError> {
    let of = word(&format!("{}.{}", artifact.stage, artifact.port));
    let place = match (asked.get("run"), asked.get("pipeline")) {
        (Some(run), _) => format!(" --run {}", word(run)),
        (None, Some(name)) => format!(" --pipeline {}", word(name)),
        (None, None) => String::new(),
    };
    let path = artifact.path.strip_prefix(site.project.root()).unwrap_or(&artifact.path);
    let size =
        std::fs::metadata(&artifact.path).map_err(AppError::io("look at", &artifact.path))?;
    let mut out = String::from("<dl class=\"facts\">\n");
    let mut fact = |name: &str, html: String| {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{html}</dd></div>");
    };
    fact("BLAKE3", format!("<code>{}</code>", artifact.hash));
    fact("lies at", format!("<code>{}</code>", escape(&path.to_string_lossy())));
    let save = escape(&link("/download", here));
    fact("size", format!("{}, <a href=\"{save}\" download>save it</a>", bytes(size.len())));
    let columns =
        asked.get("column").map_or_else(String::new, |c| format!(" --columns {}", word(c)));
    fact("look", command(&format!("orchestrate cat {of}{place}{columns}")));
    out.push_str("</dl>\n");
    Ok(out)
}

/// A page stands in a frame of its own, in which nothing but showing is allowed.
fn embedded(artifact: &Artifact) -> String {
    let hash = artifact.hash.to_hex();
    let address = escape(&link("/page", &[("hash", &hash)]));
    format!(
        "<p class=\"note\"><a href=\"{address}\">Alone in the window</a></p>\n\
         <iframe class=\"page\" sandbox src=\"{address}\" title=\"{}\"></iframe>\n",
        escape(&artifact.port)
    )
}

fn text(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(TEXT)];
    let content = match std::str::from_utf8(shown).or_else(|error| {
        // A letter that the cut went through.
        let whole = error.error_len().is_none().then_some(&shown[..error.valid_up_to()]);
        whole.map_or(Err(error), std::str::from_utf8)
    }) {
        Ok(text) => format!("<pre class=\"text\">{}</pre>\n", escape_lines(text)),
        Err(_) => "<p class=\"note\">These bytes are no text.</p>\n".to_string(),
    };
    let lead = match bytes.len() > TEXT {
        true => format!("The first {} KiB.", TEXT >> 10),
        false => String::new(),
    };
    page::section("text", "Content", &lead, &content)
}

fn schema(table: &Table, here: &[(&str, &str)]) -> String {
    let schema = table.schema();
    let id = table.id_name();
    let rows: Vec<Vec<String>> = schema
        .fields()
        .iter()
        .map(|field| {
            let mut asked = here.to_vec();
            asked.push(("column", field.name()));
            let address = escape(&link("/artifact", &asked));
            let is_id = id.as_ref() == Some(field.name());
            vec![
                format!("<a href=\"{address}\">{}</a>", page::breaking(field.name())),
                escape(&field.data_type().to_string()),
                if is_id { "id".to_string() } else { String::new() },
            ]
        })
        .collect();
    let lead = "A column's name leads to how its values lie.";
    page::section("schema", "Columns", lead, &page::table(&["column", "type", "role"], &[], &rows))
}

fn rows(table: &Table, n_rows: usize) -> String {
    let schema = table.schema();
    let n_columns = schema.fields().len();
    let shown = n_columns.min(COLUMNS);
    let columns: Vec<Vec<String>> =
        table.batch().columns()[..shown].iter().map(|column| cells(column)).collect();
    let rows: Vec<Vec<String>> = (0..table.n_rows())
        .map(|row| columns.iter().map(|column| column[row].clone()).collect())
        .collect();
    let names: Vec<&str> = schema.fields()[..shown].iter().map(|f| f.name().as_str()).collect();
    let names = page::cut_apart(&names, 30);
    let head: Vec<&str> = names.iter().map(String::as_str).collect();
    let numeric: Vec<bool> =
        schema.fields()[..shown].iter().map(|f| is_numeric(f.data_type())).collect();
    let mut lead = format!("{} rows", number::count(n_rows));
    if table.n_rows() < n_rows {
        let _ = write!(lead, "; the first {} are shown", number::count(table.n_rows()));
    }
    if shown < n_columns {
        let _ = write!(lead, "; the first {shown} of {n_columns} columns are shown");
    }
    page::section("rows", "Rows", &format!("{lead}."), &page::table(&head, &numeric, &rows))
}

fn cells(column: &dyn Array) -> Vec<String> {
    let texts: Vec<String> = match column.data_type() {
        DataType::Float64 => floats(column.as_primitive::<Float64Type>().iter().collect()),
        _ => (0..column.len())
            .map(|row| array_value_to_string(column, row).unwrap_or_default())
            .collect(),
    };
    let is_number = is_numeric(column.data_type());
    let cell = |(row, text): (usize, String)| match (column.is_null(row), is_number) {
        (true, _) => "<span class=\"soft\">null</span>".to_string(),
        (false, true) => escape(&text),
        (false, false) => page::value(&text),
    };
    texts.into_iter().enumerate().map(cell).collect()
}

fn column(look: &ColumnLook) -> String {
    let present = look.n_rows - look.n_missing;
    let lead = format!(
        "{} values, {} rows without one.",
        number::count(present),
        number::count(look.n_missing)
    );
    let content = match &look.values {
        Values::Numbers(bins) => {
            let ends =
                bins.first().zip(bins.last()).map_or((0.0, 0.0), |(f, l)| (f.lower, l.upper));
            let ticks = chart::plain_ticks(ends.0, ends.1, 5);
            let label = format!("How the values of {} lie", look.name);
            let picture = chart::histogram(bins, &ticks, &label, number::figure);
            format!("<div class=\"card column\">{picture}</div>\n")
        }
        Values::Levels { most, n_levels } => {
            let largest = most.first().map_or(1, |(_, n)| *n).max(1) as f64;
            let bar = |(level, n): &(String, usize)| Bar {
                label: page::value(level),
                share: *n as f64 / largest,
                figure: format!(
                    "{} ({})",
                    number::count(*n),
                    number::percent(*n as f64 / present.max(1) as f64)
                ),
                class: String::new(),
            };
            let bars: Vec<Bar> = most.iter().map(bar).collect();
            let further = match n_levels {
                None => "Too many different values to count them all.".to_string(),
                Some(n) if *n > most.len() => {
                    format!("The most frequent of {} different values.", number::count(*n))
                }
                Some(_) => String::new(),
            };
            format!(
                "<div class=\"card column\">{}<p class=\"note\">{further}</p></div>\n",
                page::bars(&bars)
            )
        }
    };
    page::section("column", &look.name, &lead, &content)
}
