//! What type a column has, from all of its values. It does not read the values themselves.

use arrow::datatypes::{DataType, TimeUnit};

use super::{
    dates::{DateOrder, Orders, Parts},
    values::{NumberClass, NumberFormat, boolean},
};

/// A column's type, with the order of its dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Whole numbers of 64 bits.
    Integer,
    /// Double precision.
    Float,
    /// True or false.
    Boolean,
    /// Anything else.
    Text,
    /// Days.
    Date(DateOrder),
    /// Microseconds without a zone.
    Timestamp(DateOrder),
}

impl ColumnType {
    /// Returns the Arrow type.
    pub fn arrow(self) -> DataType {
        match self {
            ColumnType::Integer => DataType::Int64,
            ColumnType::Float => DataType::Float64,
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Text => DataType::Utf8,
            ColumnType::Date(_) => DataType::Date32,
            ColumnType::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
        }
    }

    /// Returns the type in words, as in "is not ...".
    pub fn expected(self) -> &'static str {
        match self {
            ColumnType::Integer => "an integer",
            ColumnType::Float => "a number",
            ColumnType::Boolean => "true or false",
            ColumnType::Text => "text",
            ColumnType::Date(DateOrder::Ymd) => "a date (year-month-day)",
            ColumnType::Date(DateOrder::Dmy) => "a date (day-month-year)",
            ColumnType::Date(DateOrder::Mdy) => "a date (month-day-year)",
            ColumnType::Timestamp(DateOrder::Ymd) => "a timestamp (year-month-day and a time)",
            ColumnType::Timestamp(DateOrder::Dmy) => "a timestamp (day-month-year and a time)",
            ColumnType::Timestamp(DateOrder::Mdy) => "a timestamp (month-day-year and a time)",
        }
    }

    /// Returns the order of the dates, if these are dates.
    pub fn date_order(self) -> Option<DateOrder> {
        match self {
            ColumnType::Date(order) | ColumnType::Timestamp(order) => Some(order),
            _ => None,
        }
    }
}

/// A column is plain text once so many values of a chunk are neither number, date nor boolean.
const SURELY_TEXT: usize = 64;

/// What was seen of a column's values; chunks are merged in any grouping to the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    values: usize,
    integers: usize,
    huge: usize,
    floats: usize,
    codes: usize,
    booleans: usize,
    dates: usize,
    times: usize,
    others: usize,
    orders: Orders,
    sealed: bool,
    first_other: Option<Found>,
    first_date: Option<Found>,
}

/// A value and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its row, counted from the first of its chunk.
    pub row: usize,
    /// The value.
    pub value: String,
    /// Which file; known once the chunk is placed.
    pub file: usize,
    /// Which line of it; known once the chunk is placed.
    pub line: usize,
}

impl Found {
    fn new(row: usize, text: &[u8]) -> Found {
        let value = String::from_utf8_lossy(text).into_owned();
        Found { row, value, ..Found::default() }
    }
}

impl Default for Seen {
    fn default() -> Seen {
        Seen {
            values: 0,
            integers: 0,
            huge: 0,
            floats: 0,
            codes: 0,
            booleans: 0,
            dates: 0,
            times: 0,
            others: 0,
            orders: Orders::ANY,
            sealed: false,
            first_other: None,
            first_date: None,
        }
    }
}

/// What a column turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This type.
    Is(ColumnType),
    /// No value at all.
    AllMissing,
    /// Dates that can be read day first and month first alike, and one of them.
    AmbiguousDates(&'a Found),
    /// Text, though nearly all values are numbers (or dates), and the first that is not.
    NearlyOther(&'static str, &'a Found),
    /// Text, because some whole numbers do not fit 64 bits.
    HugeIntegers,
}

impl Seen {
    /// Takes in the value of `row`, which is not null and has no blanks at its ends.
    pub fn add(&mut self, row: usize, text: &[u8], format: NumberFormat) {
        self.values += 1;
        if self.sealed {
            return;
        }
        let numeric = text.first().is_some_and(|b| {
            b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.') || *b == format.decimal
        });
        match (numeric, if numeric { format.classify(text) } else { NumberClass::None }) {
            (_, NumberClass::Integer) => self.integers += 1,
            (_, NumberClass::Float) => self.floats += 1,
            (_, NumberClass::Huge) => self.huge += 1,
            (_, NumberClass::Code) => self.codes += 1,
            (true, NumberClass::None) => self.add_date(row, text),
            (false, NumberClass::None) if boolean(text).is_some() => self.booleans += 1,
            (false, NumberClass::None) => self.add_other(row, text),
        }
    }

    fn add_date(&mut self, row: usize, text: &[u8]) {
        match Parts::read(text).map(|parts| (parts.orders(), parts.has_time())) {
            Some((orders, has_time)) if !orders.is_empty() => {
                self.orders = self.orders.and(orders);
                self.dates += 1;
                self.times += usize::from(has_time);
                self.first_date.get_or_insert_with(|| Found::new(row, text));
            }
            _ => self.add_other(row, text),
        }
    }

    fn add_other(&mut self, row: usize, text: &[u8]) {
        self.first_other.get_or_insert_with(|| Found::new(row, text));
        self.others += 1;
        self.sealed = self.others >= SURELY_TEXT;
    }

    /// Takes in whole numbers that were read at once.
    pub fn add_integers(&mut self, n: usize) {
        self.values += n;
        self.integers += n;
    }

    /// Takes in floats that were read at once.
    pub fn add_floats(&mut self, n: usize) {
        self.values += n;
        self.floats += n;
    }

    /// Takes in ISO dates that were read at once.
    pub fn add_iso_dates(&mut self, n: usize) {
        if n > 0 {
            self.values += n;
            self.dates += n;
            self.orders = self.orders.and(Orders::ISO);
        }
    }

    /// Returns true if there are numbers with a point or an exponent.
    pub fn has_fractions(&self) -> bool {
        self.floats > 0
    }

    /// Returns true if the column is text whatever comes, and nothing is to be told of it.
    pub fn is_settled(&self) -> bool {
        self.sealed
    }

    /// Says on which line of its chunk each row stands.
    pub fn place(&mut self, line: impl Fn(usize) -> usize) {
        for found in self.first_other.iter_mut().chain(&mut self.first_date) {
            found.line = line(found.row);
        }
    }

    /// Says where the chunk stands: its file, and on which line it starts.
    pub fn shift(&mut self, file: usize, line: usize) {
        for found in self.first_other.iter_mut().chain(&mut self.first_date) {
            found.file = file;
            found.line += line;
        }
    }

    /// Joins with what was seen of later rows.
    pub fn merge(self, later: Seen) -> Seen {
        Seen {
            values: self.values + later.values,
            integers: self.integers + later.integers,
            huge: self.huge + later.huge,
            floats: self.floats + later.floats,
            codes: self.codes + later.codes,
            booleans: self.booleans + later.booleans,
            dates: self.dates + later.dates,
            times: self.times + later.times,
            others: self.others + later.others,
            orders: self.orders.and(later.orders),
            sealed: self.sealed || later.sealed,
            first_other: self.first_other.or(later.first_other),
            first_date: self.first_date.or(later.first_date),
        }
    }

    /// Returns the type; `preferred` decides between day first and month first where both fit.
    pub fn verdict(&self, preferred: Option<DateOrder>) -> Verdict<'_> {
        let numbers = self.integers + self.floats + self.huge;
        let is = |n: usize| n == self.values && !self.sealed;
        if self.values == 0 {
            return Verdict::AllMissing;
        }
        if is(self.booleans) {
            return Verdict::Is(ColumnType::Boolean);
        }
        if is(self.integers) {
            return Verdict::Is(ColumnType::Integer);
        }
        if is(numbers) {
            return match self.floats {
                0 => Verdict::HugeIntegers,
                _ => Verdict::Is(ColumnType::Float),
            };
        }
        if is(self.dates) {
            let order = preferred.filter(|&o| self.orders.has(o)).or(self.orders.single());
            return match (order, &self.first_date) {
                (Some(order), _) if self.times > 0 => Verdict::Is(ColumnType::Timestamp(order)),
                (Some(order), _) => Verdict::Is(ColumnType::Date(order)),
                (None, Some(date)) if !self.orders.is_empty() => Verdict::AmbiguousDates(date),
                (None, _) => Verdict::Is(ColumnType::Text),
            };
        }
        let nearly = |n: usize| n * 10 >= self.values * 9;
        match &self.first_other {
            Some(first) if !self.sealed && nearly(numbers) => {
                Verdict::NearlyOther("numbers", first)
            }
            Some(first) if !self.sealed && nearly(self.dates) => {
                Verdict::NearlyOther("dates", first)
            }
            _ => Verdict::Is(ColumnType::Text),
        }
    }

    /// Returns the order that a column declared a date has; ISO when nothing speaks for another.
    ///
    /// # Errors
    /// A value that can be read in two ways.
    pub fn declared_order(&self, preferred: Option<DateOrder>) -> Result<DateOrder, &Found> {
        if let Some(order) = preferred {
            return Ok(order);
        }
        match (self.orders.single(), &self.first_date) {
            (Some(order), _) => Ok(order),
            (None, Some(date)) if !self.orders.is_empty() => Err(date),
            _ => Ok(DateOrder::Ymd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(values: &[&str]) -> Seen {
        let mut seen = Seen::default();
        for (row, value) in values.iter().enumerate() {
            seen.add(row, value.as_bytes(), NumberFormat::default());
        }
        seen
    }

    #[test]
    fn a_type_must_fit_every_value() {
        use ColumnType::*;
        let cases: [(&[&str], Verdict<'_>); 13] = [
            (&["1", "-2"], Verdict::Is(Integer)),
            (&["1", "2.5"], Verdict::Is(Float)),
            (&["17850.0"], Verdict::Is(Float)),
            (&["1", "00123"], Verdict::Is(Text)),
            (&["true", "FALSE"], Verdict::Is(Boolean)),
            (&["true", "1"], Verdict::Is(Text)),
            (&["Yes", "No"], Verdict::Is(Text)),
            (&[], Verdict::AllMissing),
            (&["2024-01-01", "2024-01-02"], Verdict::Is(Date(DateOrder::Ymd))),
            (&["2024-01-01", "2024-01-02 10:00"], Verdict::Is(Timestamp(DateOrder::Ymd))),
            (&["04-09-2012", "24-09-2012"], Verdict::Is(Date(DateOrder::Dmy))),
            (&["24-09-2012", "09-24-2012"], Verdict::Is(Text)),
            (&["18446744073709551615", "1"], Verdict::HugeIntegers),
        ];
        for (values, expected) in cases {
            assert_eq!(seen(values).verdict(None), expected, "{values:?}");
        }
        let first = Found { value: "04-09-2012".to_string(), ..Found::default() };
        let ambiguous = seen(&["04-09-2012", "05-10-2012"]);
        assert_eq!(ambiguous.verdict(None), Verdict::AmbiguousDates(&first));
        let mut nearly = vec!["1"; 12];
        nearly.push("NA");
        let first = Found { row: 12, value: "NA".to_string(), ..Found::default() };
        assert_eq!(seen(&nearly).verdict(None), Verdict::NearlyOther("numbers", &first));
    }

    #[test]
    fn chunks_merge_to_the_whole() {
        let values: Vec<String> =
            (0..300).map(|i| if i % 3 == 0 { format!("w{i}") } else { i.to_string() }).collect();
        let part = |range: std::ops::Range<usize>| {
            seen(&values[range].iter().map(String::as_str).collect::<Vec<_>>())
        };
        let merged = part(0..10).merge(part(10..300));
        assert_eq!(merged.verdict(None), part(0..300).verdict(None));
        assert_eq!(merged.first_other.as_ref().map(|f| f.value.as_str()), Some("w0"));
    }
}
