//! Tensors of the Open Inference Protocol, as JSON has them and as bytes. It does not know what the tensors are for.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use super::{cell::Cell, problem::Problem};

/// The types of elements.
pub const DATATYPES: [&str; 12] = [
    "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP32",
    "FP64", "BYTES",
];

/// The elements of a tensor in JSON, nested as they may be, in the order of rows.
pub struct Elements<'a>(pub Vec<Cell<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Elements<'a>, D::Error> {
        struct ElementsVisitor;
        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = Elements<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of elements")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Elements<'de>, A::Error> {
                let mut cells = Vec::new();
                while let Some(item) = items.next_element::<Item<'de>>()? {
                    match item {
                        Item::One(cell) => cells.push(cell),
                        Item::Many(more) => cells.extend(more),
                    }
                }
                Ok(Elements(cells))
            }
        }
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

/// An element, or the elements of a row.
enum Item<'a> {
    One(Cell<'a>),
    Many(Vec<Cell<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Item<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Item<'a>, D::Error> {
        struct ItemVisitor;
        impl<'de> Visitor<'de> for ItemVisitor {
            type Value = Item<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an element, or a list of elements")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Item<'de>, A::Error> {
                let mut cells = Vec::new();
                while let Some(cell) = items.next_element()? {
                    cells.push(cell);
                }
                Ok(Item::Many(cells))
            }
            fn visit_unit<E>(self) -> Result<Item<'de>, E> {
                Ok(Item::One(Cell::Null))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Item<'de>, E> {
                Ok(Item::One(Cell::Bool(value)))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Item<'de>, E> {
                Ok(Item::One(Cell::Int(value)))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Item<'de>, E> {
                let cell = i64::try_from(value).map_or(Cell::Float(value as f64), Cell::Int);
                Ok(Item::One(cell))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Item<'de>, E> {
                Ok(Item::One(Cell::Float(value)))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Item<'de>, E> {
                Ok(Item::One(Cell::Text(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Item<'de>, E> {
                Ok(Item::One(Cell::Text(Cow::Owned(text.to_string()))))
            }
        }
        deserializer.deserialize_any(ItemVisitor)
    }
}

/// Reads the elements of a tensor that came as bytes.
///
/// # Errors
/// If the type is not known, or the bytes are not whole elements.
pub fn from_bytes<'a>(
    name: &str,
    datatype: &str,
    bytes: &'a [u8],
) -> Result<Vec<Cell<'a>>, Problem> {
    macro_rules! numbers {
        ($ty:ty, $size:literal, $make:expr) => {{
            let (elements, rest) = bytes.as_chunks::<$size>();
            if !rest.is_empty() {
                return Err(not_whole(name, datatype));
            }
            let make = $make;
            Ok(elements.iter().map(|e| make(<$ty>::from_le_bytes(*e))).collect())
        }};
    }
    let whole = |value: i64| Cell::Int(value);
    match datatype {
        "BOOL" => Ok(bytes.iter().map(|byte| Cell::Bool(*byte != 0)).collect()),
        "INT8" => numbers!(i8, 1, |v| whole(i64::from(v))),
        "INT16" => numbers!(i16, 2, |v| whole(i64::from(v))),
        "INT32" => numbers!(i32, 4, |v| whole(i64::from(v))),
        "INT64" => numbers!(i64, 8, whole),
        "UINT8" => numbers!(u8, 1, |v| whole(i64::from(v))),
        "UINT16" => numbers!(u16, 2, |v| whole(i64::from(v))),
        "UINT32" => numbers!(u32, 4, |v| whole(i64::from(v))),
        "UINT64" => numbers!(u64, 8, |v| i64::try_from(v).map_or(Cell::Float(v as f64), Cell::Int)),
        "FP32" => numbers!(f32, 4, |v| Cell::Float(f64::from(v))),
        "FP64" => numbers!(f64, 8, Cell::Float),
        "BYTES" => texts(name, bytes),
        other => Err(unknown(name, other)),
    }
}

fn texts<'a>(name: &str, mut bytes: &'a [u8]) -> Result<Vec<Cell<'a>>, Problem> {
    let mut cells = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) =
            bytes.split_first_chunk::<4>().ok_or_else(|| not_whole(name, "BYTES"))?;
        let length = u32::from_le_bytes(*length) as usize;
        if rest.len() < length {
            return Err(not_whole(name, "BYTES"));
        }
        let (text, rest) = rest.split_at(length);
        let text = std::str::from_utf8(text).map_err(|_| {
            Problem::unfit(format!("input `{name}`: element {} is not UTF-8 text", cells.len()))
        })?;
        cells.push(Cell::Text(Cow::Borrowed(text)));
        bytes = rest;
    }
    Ok(cells)
}

/// There is no such type of elements.
pub fn unknown(name: &str, datatype: &str) -> Problem {
    Problem::unfit(format!("input `{name}`: there is no datatype `{datatype}` here"))
}

fn not_whole(name: &str, datatype: &str) -> Problem {
    Problem::malformed(format!("input `{name}`: its bytes are not whole elements of {datatype}"))
}

/// Appends a text as an element of `BYTES`.
pub fn push_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
