//! Self-contained HTML pages: a shell with its style, escaping, numbers, bars and charts.
//! No script and no request leaves a page. It does not know what a page is about.

pub mod chart;
pub mod number;
pub mod palette;
pub mod scale;

use std::fmt::Write;

/// Longest name beside a heat map.
pub const LONGEST_HEAD: usize = 24;

/// From how many sections on a page begins with links to them.
const FEW_SECTIONS: usize = 4;

/// Longest name or value that is written out; what is cut stands in the `title`.
const LONGEST_TEXT: usize = 40;

/// Returns `text` fit for HTML content and double-quoted attributes. Control characters, which HTML
/// does not allow, and marks that would turn the direction of what stands around the text, become U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => out.push('\u{FFFD}'),
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// Returns a name or value as an isolated piece of text (its direction cannot turn its surroundings),
/// cut in the middle if long; the whole then stands in its `title`, up to a few hundred characters.
pub fn value(text: &str) -> String {
    value_within(text, LONGEST_TEXT)
}

/// Returns a name or value as [`value`] does, with at most `most` characters.
pub fn value_within(text: &str, most: usize) -> String {
    let shown = if text.trim().is_empty() { "(blank)" } else { text };
    let cut = cut(shown, most);
    if cut == shown {
        return format!("<bdi>{}</bdi>", escape(shown));
    }
    format!("<bdi title=\"{}\">{}</bdi>", escape(&self::cut(text, 400)), escape(&cut))
}

/// Returns a name as [`value`] does; it may be broken after an underscore.
pub fn breaking(text: &str) -> String {
    let whole = value(text);
    // What was cut has the whole in its `title`, where nothing may be inserted.
    match whole.strip_prefix("<bdi>") {
        Some(shown) => format!("<bdi>{}", shown.replace('_', "_<wbr>")),
        None => whole,
    }
}

/// Returns `text` with its middle replaced by an ellipsis if it has more than `most` characters.
pub fn cut(text: &str, most: usize) -> String {
    let n_chars = text.chars().count();
    if n_chars <= most {
        return text.to_string();
    }
    let tail = most / 3;
    let head: String = text.chars().take(most - tail - 1).collect();
    let end: String = text.chars().skip(n_chars - tail).collect();
    format!("{head}…{end}")
}

/// Returns names cut to `most` characters so that different ones stay different where that can be: of those that would look
/// alike, what they begin with in common gives way to where they part.
pub fn cut_apart(names: &[&str], most: usize) -> Vec<String> {
    let mut cuts: Vec<String> = names.iter().map(|name| cut(name, most)).collect();
    let plain = cuts.clone();
    for (i, name) in names.iter().enumerate() {
        let alike = (0..names.len()).filter(|&j| plain[j] == plain[i] && names[j] != *name);
        let common = alike.map(|j| common_start(name, names[j])).max();
        if let Some(common) = common {
            let head = most / 3;
            let from = common.saturating_sub(2).max(head);
            let rest: String = name.chars().skip(from).collect();
            let start: String = name.chars().take(head).collect();
            cuts[i] = format!("{start}…{}", cut(&rest, most - head - 1));
        }
    }
    cuts
}

fn common_start(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// Returns names for the head of a table or heat map as [`cut_apart`] does, as HTML; what was cut stands in the `title`.
pub fn heads(names: &[&str], most: usize) -> Vec<String> {
    let cuts = cut_apart(names, most);
    let html = |(name, cut): (&&str, &String)| match cut == name {
        true => value_within(name, most),
        false => {
            format!("<bdi title=\"{}\">{}</bdi>", escape(&self::cut(name, 400)), escape(cut))
        }
    };
    names.iter().zip(&cuts).map(html).collect()
}

/// Returns a complete document.
pub fn document(title: &str, subtitle: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>\n{style}{colours}</style>\n</head>\n<body>\n\
         <header><h1>{title}</h1><p>{subtitle}</p>{contents}</header>\n<main>\n{body}</main>\n</body>\n</html>\n",
        title = escape(title),
        contents = contents(body),
        style = style(),
        colours = palette::css(),
    )
}

/// Returns the rules of how pages look, without the segments' colours.
pub fn style() -> &'static str {
    include_str!("style.css")
}

/// Returns links to the sections of a page, read off the page itself, so that none can be forgotten; none on a page of a few.
fn contents(body: &str) -> String {
    let sections = body.split("<section id=\"").skip(1);
    let links: Vec<String> = sections
        .filter_map(|section| {
            let (id, rest) = section.split_once("\">\n<h2>")?;
            let (heading, _) = rest.split_once("</h2>")?;
            Some(format!("<a href=\"#{id}\">{heading}</a>"))
        })
        .collect();
    if links.len() < FEW_SECTIONS {
        return String::new();
    }
    format!("<nav aria-label=\"Sections\">{}</nav>", links.join("\n"))
}

/// Returns a section with a heading; `lead` is HTML and may be empty.
pub fn section(id: &str, heading: &str, lead: &str, content: &str) -> String {
    let lead =
        if lead.is_empty() { String::new() } else { format!("<p class=\"lead\">{lead}</p>\n") };
    format!("<section id=\"{id}\">\n<h2>{}</h2>\n{lead}{content}</section>\n", escape(heading))
}

/// Returns the big figures at the top of a page: `(figure, what it counts)`.
pub fn tiles(tiles: &[(String, &str)]) -> String {
    let mut out = String::from("<div class=\"tiles\">\n");
    for (figure, what) in tiles {
        let _ = writeln!(out, "<div><b>{}</b><span>{}</span></div>", escape(figure), escape(what));
    }
    out + "</div>\n"
}

/// A row of a bar list.
pub struct Bar {
    /// HTML on the left.
    pub label: String,
    /// Length, as a share of the longest possible bar.
    pub share: f64,
    /// HTML on the right.
    pub figure: String,
    /// An extra CSS class of the bar, such as a segment's colour; may be empty.
    pub class: String,
}

/// Returns horizontal bars with labels on the left and figures on the right.
pub fn bars(rows: &[Bar]) -> String {
    let mut out = String::from("<div class=\"bars\">\n");
    for row in rows {
        let width = number::fixed(100.0 * row.share.clamp(0.0, 1.0), 2);
        let _ = writeln!(
            out,
            "<div class=\"bar-label\">{}</div><div class=\"track\"><i class=\"{}\" style=\"width:{width}%\"></i></div>\
             <div class=\"bar-figure\">{}</div>",
            row.label, row.class, row.figure
        );
    }
    out + "</div>\n"
}

/// Returns a table; cells are HTML, `numeric` says which columns are aligned to the right.
pub fn table(head: &[&str], numeric: &[bool], rows: &[Vec<String>]) -> String {
    let class = |i: usize| if numeric.get(i) == Some(&true) { " class=\"n\"" } else { "" };
    let mut out = String::from("<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>");
    for (i, name) in head.iter().enumerate() {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(i), escape(name));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let _ = write!(out, "<td{}>{cell}</td>", class(i));
        }
        out.push_str("</tr>\n");
    }
    out + "</tbody>\n</table></div>\n"
}

/// Returns a table whose rows become blocks of text on narrow screens, for tables of words.
pub fn stacking_table(head: &[&str], numeric: &[bool], rows: &[Vec<String>]) -> String {
    table(head, numeric, rows).replacen("<table>", "<table class=\"stacking\">", 1)
}

/// A square or oblong table of shaded cells.
pub struct Heat<'a> {
    /// Names of the rows, as HTML.
    pub rows: &'a [String],
    /// Names of the columns, as HTML.
    pub columns: &'a [String],
    /// Whether the columns' names are long and stand upright.
    pub upright: bool,
}

/// From how many upright columns on a heat map is a picture: its cells are small, and their text appears under the pointer.
const DENSE: usize = 17;

impl Heat<'_> {
    /// Returns the table; `cell` gives the shade of row i, column j (-1 to 1, the sign being the hue) and
    /// its plain text; `None` is an empty cell.
    pub fn html(&self, cell: impl Fn(usize, usize) -> Option<(f64, String)>) -> String {
        let is_dense = self.upright && self.columns.len() >= DENSE;
        let class = match (self.upright, is_dense) {
            (_, true) => "heat upright dense",
            (true, false) => "heat upright",
            (false, false) => "heat",
        };
        let mut out = format!(
            "<div class=\"scroll\" tabindex=\"0\"><table class=\"{class}\">\n<thead><tr><td></td>",
        );
        for name in self.columns {
            let _ = write!(out, "<th scope=\"col\"><span>{name}</span></th>");
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for (i, name) in self.rows.iter().enumerate() {
            let _ = write!(out, "<tr><th scope=\"row\">{name}</th>");
            for j in 0..self.columns.len() {
                write_cell(cell(i, j), is_dense, &mut out);
            }
            out.push_str("</tr>\n");
        }
        out + "</tbody>\n</table></div>\n"
    }
}

/// Shade from which white text reads better than black, below and above 0: where the colours of style.css reach a relative
/// luminance of 0.18, which leaves both a contrast of 4.5.
const DEEP: [f64; 2] = [0.86, 0.80];

fn write_cell(cell: Option<(f64, String)>, is_dense: bool, out: &mut String) {
    let Some((shade, text)) = cell else {
        out.push_str("<td></td>");
        return;
    };
    let strength = shade.abs().min(1.0);
    let is_below = shade < 0.0;
    // As it is written below, so that a shade and its text never part.
    let is_deep = (strength * 100.0).round() / 100.0 >= DEEP[usize::from(!is_below)];
    let class = match (is_below, is_deep) {
        (true, true) => "neg deep",
        (true, false) => "neg",
        (false, true) => "pos deep",
        (false, false) => "pos",
    };
    let (depth, text) = (number::fixed(strength, 2), escape(&text));
    let _ = match is_dense {
        true => write!(out, "<td class=\"{class}\" style=\"--a:{depth}\" title=\"{text}\"></td>"),
        false => write!(out, "<td class=\"{class}\" style=\"--a:{depth}\">{text}</td>"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let hostile = "<script>alert('x')</script>\"&\u{0}";
        let safe = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;\u{FFFD}";
        assert_eq!(escape(hostile), safe);
        assert_eq!(escape("a\u{202e}b\u{2067}"), "a\u{FFFD}b\u{FFFD}");
        assert_eq!(value(hostile), format!("<bdi>{safe}</bdi>"));
        assert_eq!(value("  "), "<bdi>(blank)</bdi>");
        assert!(!document("t</title><script>", "", "").contains("<script"));
    }

    #[test]
    fn long_text_is_cut_in_the_middle_by_characters() {
        assert_eq!(cut("abcdefghij", 10), "abcdefghij");
        assert_eq!(cut("abcdefghijk", 10), "abcdef…ijk");
        assert_eq!(cut(&"ä".repeat(50), 9).chars().count(), 9);
        assert!(value(&"x".repeat(60)).contains("title=\"xxx"));
    }

    #[test]
    fn long_pages_begin_with_links_to_their_sections() {
        let sections: String =
            ["a", "b", "c", "d"].map(|id| section(id, &format!("<{id}>"), "", "")).concat();
        let page = document("t", "", &sections);
        assert!(page.contains("<a href=\"#a\">&lt;a&gt;</a>\n<a href=\"#b\">&lt;b&gt;</a>"));
        assert!(!document("t", "", &section("a", "a", "", "")).contains("<nav"));
    }

    #[test]
    fn names_that_differ_in_the_middle_are_told_apart() {
        let names = ["value in the last 3 months net", "value in the last 12 months net", "x"];
        let cuts = cut_apart(&names, 18);
        assert_eq!(cuts, ["value …t 3 mon…net", "value …t 12 mo…net", "x"]);
        assert!(cuts.iter().all(|cut| cut.chars().count() <= 18));
        assert_eq!(
            cut_apart(&["same name here", "same name here"], 9)[0],
            cut("same name here", 9)
        );
        assert!(heads(&names, 18)[0].starts_with("<bdi title=\"value in the last 3"));
    }

    #[test]
    fn many_columns_make_a_picture() {
        let names: Vec<String> = (0..DENSE).map(|i| i.to_string()).collect();
        let heat = Heat { rows: &names[..1], columns: &names, upright: true };
        let html = heat.html(|_, _| Some((0.5, "0.50".to_string())));
        assert!(
            html.contains("class=\"heat upright dense\"") && html.contains("title=\"0.50\"></td>")
        );
    }

    #[test]
    fn shades_follow_sign_and_size() {
        let names = ["a".to_string()];
        let heat = Heat { rows: &names, columns: &names, upright: false };
        let html = heat.html(|_, _| Some((-0.9, "<b>".to_string())));
        assert!(html.contains("class=\"neg deep\" style=\"--a:0.90\">&lt;b&gt;<"));
        assert!(heat.html(|_, _| None).contains("<td></td></tr>"));
    }
}
