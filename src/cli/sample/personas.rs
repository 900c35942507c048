//! The six kinds of people behind the sample data, and how each behaves. Nothing here is ever written to
//! the data itself. It does not know rows or files.

use crate::ml::rng::Rng;

/// Keeps the streams that draw personas apart from those that draw rows.
const PERSONA_SALT: u64 = 0x0070_6572_736F_6E61;

/// A normal distribution: mean and standard deviation.
pub type Normal = (f64, f64);
/// A beta distribution: its two shapes.
pub type Beta = (f64, f64);

/// How one sort of customer behaves.
pub struct Persona {
    /// Its name, for the truth file.
    pub name: &'static str,
    /// Share of all customers.
    pub share: f64,
    /// Years.
    pub age: Normal,
    /// Weights of [`GENDERS`].
    pub gender: [f64; 3],
    /// Weights of [`COUNTRIES`].
    pub country: [f64; 10],
    /// Weights of [`CHANNELS`].
    pub channel: [f64; 5],
    /// Weights of [`PLANS`].
    pub plan: [f64; 4],
    /// Logarithm of the yearly income.
    pub log_income: Normal,
    /// Mean days since signing up.
    pub tenure: f64,
    /// Mean days since the last order.
    pub recency: f64,
    /// Mean number of orders, and how alike the counts are.
    pub frequency: (f64, f64),
    /// Logarithm of the value of an order.
    pub log_basket: Normal,
    /// Share of orders sent back.
    pub returns: Beta,
    /// Mean visits in 30 days.
    pub sessions: f64,
    /// Share of customers who get the newsletter.
    pub newsletter: f64,
    /// Share of its mails that they open.
    pub opens: Beta,
    /// Mean number of support tickets.
    pub tickets: f64,
    /// Share of orders bought at a discount.
    pub discount: Beta,
    /// Answer to "would you recommend us", 0 to 10.
    pub nps: Normal,
    /// Weights of the transactions' categories.
    pub categories: [f64; 6],
    /// When they buy within the year: earliest and latest start, earliest and latest end.
    pub active: [f64; 4],
    /// How often they buy, relative to the busiest.
    pub rate: f64,
    /// Mean lines in an order, beyond the first.
    pub lines: f64,
    /// Mean quantity in a line, beyond the first.
    pub quantity: f64,
}

/// Levels of `gender`.
pub const GENDERS: [&str; 3] = ["female", "male", "other"];
/// Levels of `country`.
pub const COUNTRIES: [&str; 10] = ["DE", "FR", "GB", "US", "ES", "IT", "NL", "PL", "SE", "AT"];
/// Levels of `channel`.
pub const CHANNELS: [&str; 5] = ["web", "app", "store", "partner", "phone"];
/// Levels of `plan`.
pub const PLANS: [&str; 4] = ["free", "basic", "plus", "business"];

/// All personas.
pub static PERSONAS: [Persona; 6] = [
    Persona {
        name: "premium_loyal",
        share: 0.14,
        age: (53.0, 9.0),
        gender: [0.52, 0.46, 0.02],
        country: [0.22, 0.12, 0.14, 0.20, 0.05, 0.07, 0.07, 0.02, 0.06, 0.05],
        channel: [0.42, 0.20, 0.30, 0.02, 0.06],
        plan: [0.02, 0.20, 0.76, 0.02],
        log_income: (11.30, 0.25),
        tenure: 2200.0,
        recency: 14.0,
        frequency: (36.0, 9.0),
        log_basket: (4.85, 0.22),
        returns: (2.0, 48.0),
        sessions: 13.0,
        newsletter: 0.93,
        opens: (14.0, 9.0),
        tickets: 0.5,
        discount: (2.0, 18.0),
        nps: (9.0, 0.9),
        categories: [0.30, 0.22, 0.18, 0.12, 0.13, 0.05],
        active: [0.0, 0.15, 0.92, 1.0],
        rate: 0.60,
        lines: 2.6,
        quantity: 0.6,
    },
    Persona {
        name: "digital_native",
        share: 0.21,
        age: (25.0, 3.8),
        gender: [0.54, 0.42, 0.04],
        country: [0.14, 0.11, 0.15, 0.20, 0.11, 0.08, 0.06, 0.08, 0.04, 0.03],
        channel: [0.14, 0.78, 0.03, 0.04, 0.01],
        plan: [0.60, 0.32, 0.08, 0.0],
        log_income: (10.15, 0.26),
        tenure: 380.0,
        recency: 17.0,
        frequency: (16.0, 7.0),
        log_basket: (3.30, 0.26),
        returns: (6.0, 30.0),
        sessions: 38.0,
        newsletter: 0.72,
        opens: (5.0, 15.0),
        tickets: 0.7,
        discount: (7.0, 14.0),
        nps: (7.6, 1.4),
        categories: [0.30, 0.05, 0.10, 0.33, 0.06, 0.16],
        active: [0.0, 0.60, 0.85, 1.0],
        rate: 0.50,
        lines: 0.9,
        quantity: 0.2,
    },
    Persona {
        name: "deal_hunter",
        share: 0.18,
        age: (43.0, 9.0),
        gender: [0.63, 0.35, 0.02],
        country: [0.20, 0.13, 0.12, 0.12, 0.12, 0.10, 0.05, 0.11, 0.02, 0.03],
        channel: [0.58, 0.28, 0.09, 0.04, 0.01],
        plan: [0.48, 0.44, 0.08, 0.0],
        log_income: (10.22, 0.24),
        tenure: 1150.0,
        recency: 34.0,
        frequency: (21.0, 8.0),
        log_basket: (3.05, 0.22),
        returns: (8.0, 26.0),
        sessions: 19.0,
        newsletter: 0.97,
        opens: (15.0, 6.0),
        tickets: 1.1,
        discount: (22.0, 7.0),
        nps: (6.7, 1.5),
        categories: [0.26, 0.24, 0.16, 0.14, 0.15, 0.05],
        active: [0.0, 0.30, 0.80, 1.0],
        rate: 0.45,
        lines: 2.0,
        quantity: 1.4,
    },
    Persona {
        name: "seasonal_visitor",
        share: 0.22,
        age: (47.0, 12.0),
        gender: [0.49, 0.49, 0.02],
        country: [0.17, 0.13, 0.14, 0.19, 0.09, 0.09, 0.06, 0.05, 0.04, 0.04],
        channel: [0.50, 0.13, 0.30, 0.05, 0.02],
        plan: [0.72, 0.25, 0.03, 0.0],
        log_income: (10.60, 0.30),
        tenure: 900.0,
        recency: 105.0,
        frequency: (2.6, 6.0),
        log_basket: (3.95, 0.28),
        returns: (2.0, 28.0),
        sessions: 3.2,
        newsletter: 0.80,
        opens: (5.0, 15.0),
        tickets: 0.25,
        discount: (4.0, 14.0),
        nps: (7.3, 1.4),
        categories: [0.12, 0.18, 0.08, 0.14, 0.40, 0.08],
        active: [0.0, 0.85, 0.90, 1.0],
        rate: 0.10,
        lines: 0.8,
        quantity: 0.4,
    },
    Persona {
        name: "drifting_away",
        share: 0.13,
        age: (39.0, 10.0),
        gender: [0.47, 0.51, 0.02],
        country: [0.15, 0.12, 0.15, 0.20, 0.09, 0.10, 0.05, 0.07, 0.04, 0.03],
        channel: [0.45, 0.16, 0.18, 0.06, 0.15],
        plan: [0.46, 0.40, 0.13, 0.01],
        log_income: (10.45, 0.28),
        tenure: 1350.0,
        recency: 270.0,
        frequency: (7.5, 6.0),
        log_basket: (3.70, 0.28),
        returns: (13.0, 24.0),
        sessions: 1.6,
        newsletter: 0.70,
        opens: (2.0, 20.0),
        tickets: 4.6,
        discount: (5.0, 11.0),
        nps: (3.0, 1.4),
        categories: [0.22, 0.16, 0.22, 0.22, 0.12, 0.06],
        active: [0.0, 0.10, 0.15, 0.65],
        rate: 0.45,
        lines: 1.0,
        quantity: 0.3,
    },
    Persona {
        name: "business_account",
        share: 0.12,
        age: (42.0, 8.0),
        gender: [0.36, 0.62, 0.02],
        country: [0.27, 0.09, 0.14, 0.20, 0.03, 0.05, 0.09, 0.04, 0.05, 0.04],
        channel: [0.38, 0.04, 0.04, 0.38, 0.16],
        plan: [0.01, 0.08, 0.26, 0.65],
        log_income: (10.85, 0.28),
        tenure: 800.0,
        recency: 10.0,
        frequency: (64.0, 8.0),
        log_basket: (5.60, 0.25),
        returns: (2.0, 40.0),
        sessions: 5.5,
        newsletter: 0.66,
        opens: (3.0, 17.0),
        tickets: 2.6,
        discount: (9.0, 11.0),
        nps: (6.8, 1.3),
        categories: [0.08, 0.10, 0.06, 0.22, 0.02, 0.52],
        active: [0.0, 0.20, 0.92, 1.0],
        rate: 1.0,
        lines: 3.2,
        quantity: 7.0,
    },
];

/// Returns the persona of customer `number` of `seed`.
pub fn persona_of(seed: u64, number: u64) -> &'static Persona {
    let shares: [f64; 6] = std::array::from_fn(|i| PERSONAS[i].share);
    &PERSONAS[Rng::stream(seed ^ PERSONA_SALT, number).pick(&shares)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_shares() {
        let one = |weights: &[f64]| (weights.iter().sum::<f64>() - 1.0).abs() < 1e-9;
        assert!(one(&PERSONAS.iter().map(|p| p.share).collect::<Vec<_>>()));
        for p in &PERSONAS {
            assert!(one(&p.gender) && one(&p.country) && one(&p.channel), "{}", p.name);
            assert!(one(&p.plan) && one(&p.categories), "{}", p.name);
        }
    }
}
