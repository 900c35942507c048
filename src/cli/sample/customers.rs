//! The customers' table: one line a customer, mixed types, missing values, a few outliers.
//! It does not know transactions.

use std::io::{self, Write};

use super::{
    personas::{CHANNELS, COUNTRIES, GENDERS, PERSONAS, PLANS, Persona, persona_of},
    text::{Lines, whole},
};
use crate::ml::rng::Rng;

/// Customers made from one random stream. Part of the format: changing it changes every file.
const BLOCK: u64 = 16_384;
/// Share of customers who are in part like another persona.
const BLENDED: f64 = 0.10;
/// 2026-01-01, the day on which the table was drawn up.
const TODAY: i64 = 20_454;

const HEADER: &str = "customer_id,age,gender,country,signup_date,channel,plan,income,recency_days,frequency,monetary,returns_rate,sessions_30d,newsletter,email_open_rate,support_tickets,discount_share,nps\n";

/// Writes `rows` customers of `seed` as CSV to `out`, and to `truth` which persona each is.
///
/// Every customer has ordered at least once. Missing are 1 in 100 ages, 2 in 100 genders, 4 in 100
/// incomes, every fifth `nps` (more often after trouble), and `email_open_rate` for those without a
/// newsletter. 3 in 1,000 customers are outliers: resellers, robots, slips of the keyboard.
///
/// # Errors
/// If a sink fails.
pub fn customers(
    rows: u64,
    seed: u64,
    out: &mut dyn Write,
    mut truth: Option<&mut dyn Write>,
) -> io::Result<()> {
    out.write_all(HEADER.as_bytes())?;
    if let Some(truth) = &mut truth {
        truth.write_all(b"customer_id,persona\n")?;
    }
    let (mut lines, mut answers) = (Lines::default(), Lines::default());
    for block in 0..rows.div_ceil(BLOCK) {
        let mut rng = Rng::stream(seed, block);
        for number in block * BLOCK + 1..=((block + 1) * BLOCK).min(rows) {
            let persona = persona_of(seed, number);
            lines.customer(seed, number);
            write_customer(&mut lines, &mut rng, persona);
            if truth.is_some() {
                answers.customer(seed, number).comma().text(persona.name).end();
            }
        }
        out.write_all(&lines.bytes)?;
        lines.bytes.clear();
        if let Some(truth) = &mut truth {
            truth.write_all(&answers.bytes)?;
            answers.bytes.clear();
        }
    }
    out.flush()?;
    truth.map_or(Ok(()), |truth| truth.flush())
}

/// Draws everything in a fixed order, then writes it.
fn write_customer(lines: &mut Lines, rng: &mut Rng, persona: &Persona) {
    // People are not types: some behave in every second respect like somebody else.
    let other = &PERSONAS[rng.below(PERSONAS.len())];
    let blend = if rng.uniform() < BLENDED { 0.5 } else { 0.0 };
    let as_who = |rng: &mut Rng| if rng.uniform() < blend { other } else { persona };
    let normal = |rng: &mut Rng, (mean, std): (f64, f64)| mean + std * rng.normal();

    let p = as_who(rng);
    let age = whole(normal(rng, p.age), 18.0, 95.0);
    let gender = GENDERS[rng.pick(&p.gender)];
    let country = COUNTRIES[rng.pick(&p.country)];
    let income = rng.log_normal(p.log_income.0, p.log_income.1);
    let p = as_who(rng);
    let channel = CHANNELS[rng.pick(&p.channel)];
    let plan = PLANS[rng.pick(&p.plan)];
    let p = as_who(rng);
    let tenure = whole(rng.gamma(3.0, p.tenure / 3.0), 1.0, 4_600.0);
    let recency = whole(rng.gamma(2.0, p.recency / 2.0), 0.0, tenure as f64);
    let p = as_who(rng);
    let mut frequency = 1 + rng.negative_binomial(p.frequency.1, p.frequency.0 - 1.0);
    let p = as_who(rng);
    let mut monetary = frequency as f64 * rng.log_normal(p.log_basket.0, p.log_basket.1);
    let p = as_who(rng);
    let returns = rng.beta(p.returns.0, p.returns.1);
    let discount = rng.beta(p.discount.0, p.discount.1);
    let p = as_who(rng);
    let mut sessions = rng.negative_binomial(6.0, p.sessions);
    let newsletter = rng.uniform() < p.newsletter;
    let opens = rng.beta(p.opens.0, p.opens.1);
    let p = as_who(rng);
    let nps = whole(normal(rng, p.nps), 0.0, 10.0);
    let tickets = rng.negative_binomial(4.0, p.tickets);
    if rng.uniform() < 0.003 {
        let factor = 8.0 + 30.0 * rng.uniform();
        match rng.below(3) {
            0 => monetary *= factor,
            1 => frequency = (frequency as f64 * factor) as u64,
            _ => sessions = ((sessions + 5) as f64 * factor) as u64,
        }
    }
    let mut missing = |share: f64| rng.uniform() < share;
    let no_age = missing(0.01);
    let no_gender = missing(0.02);
    let no_income = missing(0.04);
    let no_nps = missing(if tickets > 2 { 0.27 } else { 0.18 });

    optional(lines, !no_age, |l| l.digits(age, 1));
    optional(lines, !no_gender, |l| l.text(gender));
    lines.comma().text(country).comma().date(TODAY - tenure as i64);
    lines.comma().text(channel).comma().text(plan);
    optional(lines, !no_income, |l| l.decimal(income, 0));
    lines.comma().digits(recency, 1).comma().digits(frequency, 1).comma().decimal(monetary, 2);
    lines.comma().decimal(returns, 4).comma().digits(sessions, 1);
    lines.comma().text(if newsletter { "true" } else { "false" });
    optional(lines, newsletter, |l| l.decimal(opens, 4));
    lines.comma().digits(tickets, 1).comma().decimal(discount, 4);
    optional(lines, !no_nps, |l| l.digits(nps, 1));
    lines.end();
}

fn optional(lines: &mut Lines, known: bool, write: impl FnOnce(&mut Lines) -> &mut Lines) {
    lines.comma();
    if known {
        write(lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(rows: u64, seed: u64) -> (Vec<u8>, Vec<u8>) {
        let (mut out, mut truth) = (Vec::new(), Vec::new());
        customers(rows, seed, &mut out, Some(&mut truth)).unwrap();
        (out, truth)
    }

    #[test]
    fn bytes_are_pinned() {
        let (out, truth) = made(1000, 42);
        assert_eq!(
            blake3::hash(&out).to_hex().as_str(),
            "1a7deeb1e8dd47f19d54f9ea8369aef348aaf279e7eae287b7b80c0bd19ae800"
        );
        assert_eq!(
            blake3::hash(&truth).to_hex().as_str(),
            "46ed5503aa56225d4bacf8308bf18f7ab683da56c62a257b2ed7e5c752bf5dc7"
        );
    }

    #[test]
    fn a_longer_file_begins_as_a_shorter_one() {
        let (long, _) = made(BLOCK + 10, 7);
        let (short, _) = made(BLOCK + 3, 7);
        assert!(long.starts_with(&short));
        let ids = |bytes: &[u8]| -> Vec<String> {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.lines().skip(1).map(|l| l.split(',').next().unwrap().to_string()).collect()
        };
        let mut all = [ids(&long), ids(&made(10, 8).0)].concat();
        all.sort();
        all.dedup();
        assert_eq!(all.len() as u64, BLOCK + 20);
    }

    #[test]
    fn every_customer_has_ordered_and_lines_are_whole() {
        let (out, truth) = made(3000, 1);
        let text = String::from_utf8(out).unwrap();
        let n_columns = HEADER.split(',').count();
        assert_eq!(n_columns, 18);
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), n_columns);
            assert!(fields[9].parse::<u64>().unwrap() >= 1, "{line}");
            assert_eq!(fields[13] == "false", fields[14].is_empty(), "{line}");
        }
        assert_eq!(truth.iter().filter(|&&b| b == b'\n').count(), 3001);
        assert_eq!(made(0, 1).0, HEADER.as_bytes());
    }
}
