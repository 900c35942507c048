//! Sample data from latent personas: as many rows as anyone wants, streamed, the same bytes for the same
//! seed on every machine. It does not know files or arguments: it writes to whatever it is lent.
//!
//! Rows are made in fixed blocks, each from a random stream of its own, so memory stays the same for any
//! number of rows and the first rows of a longer file are those of a shorter one. A customer's persona
//! hangs on seed and number alone, so the transactions of a seed are of the customers of that seed.
//!
//! A customer is called `C<seed in base 36>-<number>`: ids of different seeds never meet.

pub(in crate::cli) mod command;

mod customers;
mod personas;
mod text;
mod transactions;

pub use customers::customers;
pub use transactions::transactions;
