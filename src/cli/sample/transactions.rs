//! The shop's order lines over one year, in order of time: invoices of several lines, cancellations,
//! guests without an id. It does not know the customers' table, only their personas.

use std::io::{self, Write};

use super::{
    personas::{Persona, persona_of},
    text::Lines,
};
use crate::ml::{math, rng::Rng};

/// Lines made from one random stream. Part of the format.
const BLOCK: u64 = 16_384;
/// Lines a year of an average customer; so many fewer customers than lines there are.
const LINES_PER_CUSTOMER: u64 = 12;
/// 2025-01-01.
const FIRST_DAY: i64 = 20_089;
const DAYS: f64 = 365.0;
/// The number of the first invoice; the others count lines from it.
const FIRST_INVOICE: u64 = 500_000;
const STREAM_SALT: u64 = 0x6C69_6E65_7300;
const HABIT_SALT: u64 = 0x6861_6269_7400;

const HEADER: &str = "invoice,customer_id,timestamp,product,category,quantity,price\n";

/// Names and typical prices.
const CATEGORIES: [(&str, f64); 6] = [
    ("clothing", 34.0),
    ("kitchen", 19.0),
    ("beauty", 14.0),
    ("electronics", 89.0),
    ("gifts", 12.0),
    ("office", 8.0),
];
/// Products in a category; the first sell best.
const PRODUCTS: usize = 12;

/// An order line.
#[derive(Clone, Copy)]
struct Line {
    /// The customer's number; `None` for a guest.
    customer: Option<u64>,
    category: usize,
    product: usize,
    quantity: i64,
    price: f64,
}

/// Writes `rows` order lines of `seed` as CSV to `out`, and to `truth` the persona of everyone who might
/// have ordered: one customer for every twelve lines, the first ones of the same seed's customers.
///
/// Of the invoices 4 in 100 are guests' (no customer id) and 3 in 100 cancel an earlier line (invoice
/// `C...`, negative quantity); a few lines cost nothing.
///
/// # Errors
/// If a sink fails.
pub fn transactions(
    rows: u64,
    seed: u64,
    out: &mut dyn Write,
    truth: Option<&mut dyn Write>,
) -> io::Result<()> {
    let n_customers = (rows / LINES_PER_CUSTOMER).max(1);
    out.write_all(HEADER.as_bytes())?;
    let mut lines = Lines::default();
    for block in 0..rows.div_ceil(BLOCK) {
        let range = block * BLOCK..((block + 1) * BLOCK).min(rows);
        let mut rng = Rng::stream(seed ^ STREAM_SALT, block);
        write_block(&mut lines, &mut rng, Shop { seed, rows, n_customers }, range);
        out.write_all(&lines.bytes)?;
        lines.bytes.clear();
    }
    out.flush()?;
    truth.map_or(Ok(()), |truth| write_truth(seed, n_customers, truth))
}

fn write_truth(seed: u64, n_customers: u64, truth: &mut dyn Write) -> io::Result<()> {
    truth.write_all(b"customer_id,persona\n")?;
    let mut lines = Lines::default();
    for number in 1..=n_customers {
        lines.customer(seed, number).comma().text(persona_of(seed, number).name).end();
        if lines.bytes.len() > 1 << 20 || number == n_customers {
            truth.write_all(&lines.bytes)?;
            lines.bytes.clear();
        }
    }
    truth.flush()
}

#[derive(Clone, Copy)]
struct Shop {
    seed: u64,
    rows: u64,
    n_customers: u64,
}

fn write_block(lines: &mut Lines, rng: &mut Rng, shop: Shop, range: std::ops::Range<u64>) {
    let mut sold: Vec<Line> = Vec::with_capacity(BLOCK as usize);
    let mut row = range.start;
    while row < range.end {
        // Invoices are numbered and dated by their first line, so that time never runs backwards,
        // within a block or from one to the next.
        let moment = (row as f64 + rng.uniform()) / shop.rows as f64;
        let seconds = clock(moment);
        let invoice = FIRST_INVOICE + row;
        if rng.uniform() < 0.03 && !sold.is_empty() {
            let mut line = sold.swap_remove(rng.below(sold.len()));
            line.quantity = -(1 + rng.below(line.quantity as usize) as i64);
            lines.text("C");
            write_line(lines, shop.seed, invoice, seconds, &line);
            row += 1;
            continue;
        }
        let (number, persona) = buyer(rng, shop, moment);
        let customer = (rng.uniform() >= 0.04).then_some(number);
        let n_lines = (1 + rng.poisson(persona.lines)).min(range.end - row);
        for _ in 0..n_lines {
            let line = order_line(rng, persona, customer);
            write_line(lines, shop.seed, invoice, seconds, &line);
            sold.push(line);
        }
        row += n_lines;
    }
}

/// Draws who orders at a moment (0..1 of the year): anyone, accepted as often as their habits say.
fn buyer(rng: &mut Rng, shop: Shop, moment: f64) -> (u64, &'static Persona) {
    let mut last = (1, persona_of(shop.seed, 1));
    for _ in 0..64 {
        let number = 1 + rng.below(shop.n_customers as usize) as u64;
        let persona = persona_of(shop.seed, number);
        let mut habits = Rng::stream(shop.seed ^ HABIT_SALT, number);
        let mut between = |low: f64, high: f64| low + (high - low) * habits.uniform();
        let [from_low, from_high, to_low, to_high] = persona.active;
        let active = between(from_low, from_high)..between(to_low, to_high);
        let eagerness = persona.rate * between(0.4, 1.0);
        last = (number, persona);
        if active.contains(&moment) && rng.uniform() < eagerness {
            break;
        }
    }
    last
}

fn order_line(rng: &mut Rng, persona: &Persona, customer: Option<u64>) -> Line {
    let category = rng.pick(&persona.categories);
    let popularity: [f64; PRODUCTS] = std::array::from_fn(|i| 1.0 / (i + 1) as f64);
    let product = rng.pick(&popularity);
    // A product has one price; what differs are discounts.
    let list = CATEGORIES[category].1 * (0.4 + 0.23 * ((product * 7) % PRODUCTS) as f64);
    let discounted = rng.uniform() < persona.discount.0 / (persona.discount.0 + persona.discount.1);
    let price = if discounted { list * 0.8 } else { list };
    let gift = rng.uniform() < 0.002;
    let quantity = 1 + rng.poisson(persona.quantity) as i64;
    let bulk = if rng.uniform() < 0.002 { 12 } else { 1 };
    let price = if gift { 0.0 } else { price };
    Line { customer, category, product, quantity: quantity * bulk, price }
}

fn write_line(lines: &mut Lines, seed: u64, invoice: u64, seconds: i64, line: &Line) {
    lines.digits(invoice, 1).comma();
    if let Some(number) = line.customer {
        lines.customer(seed, number);
    }
    let category = CATEGORIES[line.category].0;
    lines.comma().timestamp(seconds).comma();
    lines.text(category).text("-").digits(line.product as u64 + 1, 2).comma().text(category);
    lines.comma().integer(line.quantity).comma().decimal(line.price, 2).end();
}

/// Returns seconds since 1970 of a moment (0..1): more goes on in November and December, and in the
/// middle of the day. Never decreases.
fn clock(moment: f64) -> i64 {
    // A fifth of the lines falls into the last 55 days.
    let (share, start) = (0.8, DAYS - 55.0);
    let day = match moment < share {
        true => moment / share * start,
        false => start + (moment - share) / (1.0 - share) * (DAYS - start),
    };
    let day = day.min(DAYS - 1e-6);
    let part = 2.0 * (day - day.floor()) - 1.0;
    // From 7 to 23, bent so that the hours around three in the afternoon pass slowest.
    let bent = if part < 0.0 { -math::pow(-part, 1.4) } else { math::pow(part, 1.4) };
    let hour = 15.0 + 7.99 * bent;
    (FIRST_DAY + day.floor() as i64) * 86_400 + (hour * 3600.0).floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(rows: u64, seed: u64) -> (String, String) {
        let (mut out, mut truth) = (Vec::new(), Vec::new());
        transactions(rows, seed, &mut out, Some(&mut truth)).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(truth).unwrap())
    }

    #[test]
    fn bytes_are_pinned() {
        let (out, _) = made(1000, 42);
        assert_eq!(
            blake3::hash(out.as_bytes()).to_hex().as_str(),
            "317e82e0eabe46b013c2a3ad297c5d7082997487b3c101c795e4167c197f9531"
        );
    }

    #[test]
    fn time_runs_forwards_and_cancellations_are_negative() {
        let (out, truth) = made(BLOCK + 4000, 3);
        let (mut before, mut cancelled, mut guests) = (String::new(), 0, 0);
        for line in out.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), 7);
            assert!(fields[2] >= before.as_str(), "{line}");
            before = fields[2].to_string();
            let quantity: i64 = fields[5].parse().unwrap();
            assert_eq!(fields[0].starts_with('C'), quantity < 0, "{line}");
            cancelled += usize::from(quantity < 0);
            guests += usize::from(fields[1].is_empty());
        }
        let n = out.lines().count() - 1;
        assert_eq!(n as u64, BLOCK + 4000);
        assert!(cancelled > 50 && guests > 300, "{cancelled} {guests}");
        assert_eq!(truth.lines().count() as u64, 1 + n as u64 / LINES_PER_CUSTOMER);
    }

    #[test]
    fn few_lines_will_do() {
        assert_eq!(made(0, 1).0, HEADER);
        assert_eq!(made(1, 1).0.lines().count(), 2);
    }
}
