//! A name for each segment: a person's where given, else made of its telling traits.
//! It does not know figures.

use std::collections::BTreeMap;

use crate::{kinds::segments::traits::Trait, stage::error::StageError};

/// Phrases in a name to begin with, and at most.
const PHRASES: (usize, usize) = (2, 5);

/// Reads the parameter `names`: segment numbers as keys.
///
/// # Errors
/// The key that is not a whole number.
pub fn parse(names: &BTreeMap<String, String>) -> Result<BTreeMap<i32, String>, String> {
    names
        .iter()
        .map(|(key, name)| {
            let number = key.trim().parse::<i32>().map_err(|_| key.clone())?;
            Ok((number, name.clone()))
        })
        .collect()
}

/// Returns a name for each of `numbers`, whose traits are given strongest first. Made names differ from
/// all others: where two would be alike they get more phrases, at last their numbers.
///
/// # Errors
/// If `given` names a segment that is not there.
pub fn all(
    numbers: &[i32],
    traits: &[Vec<Trait>],
    given: &BTreeMap<i32, String>,
) -> Result<Vec<String>, StageError> {
    if let Some(unknown) = given.keys().find(|n| !numbers.contains(n)) {
        let known: Vec<String> = numbers.iter().map(i32::to_string).collect();
        return Err(StageError::Data(format!(
            "`names` has segment {unknown}, which is not there; segments are {}",
            known.join(", ")
        )));
    }
    let mut lengths = vec![PHRASES.0; numbers.len()];
    let make = |lengths: &[usize]| -> Vec<String> {
        (0..numbers.len())
            .map(|i| match given.get(&numbers[i]) {
                Some(name) => name.clone(),
                None => made(numbers[i], &traits[i], lengths[i]),
            })
            .collect()
    };
    for length in PHRASES.0 + 1..=PHRASES.1 {
        let names = make(&lengths);
        for i in 0..names.len() {
            if names.iter().filter(|n| **n == names[i]).count() > 1 {
                lengths[i] = length;
            }
        }
    }
    let mut names = make(&lengths);
    let before = names.clone();
    for (i, name) in names.iter_mut().enumerate() {
        if !given.contains_key(&numbers[i]) && before.iter().filter(|n| *n == name).count() > 1 {
            *name = format!("{name} ({})", numbers[i]);
        }
    }
    Ok(names)
}

fn made(number: i32, traits: &[Trait], length: usize) -> String {
    if number < 0 {
        return "noise".to_string();
    }
    let mut phrases: Vec<&str> = Vec::new();
    for phrase in traits.iter().map(|t| t.phrase.as_str()) {
        if phrases.len() < length && !phrases.contains(&phrase) {
            phrases.push(phrase);
        }
    }
    if phrases.is_empty() { "average".to_string() } else { phrases.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(phrases: &[&str]) -> Vec<Trait> {
        let one = |phrase: &&str| Trait {
            column: 0,
            strength: 1.0,
            words: String::new(),
            phrase: phrase.to_string(),
        };
        phrases.iter().map(one).collect()
    }

    #[test]
    fn names_are_unique_and_given_ones_win() {
        let traits = [
            traits(&["a", "b", "c"]),
            traits(&["a", "b", "d"]),
            traits(&[]),
            traits(&[]),
            traits(&["x"]),
        ];
        let names = all(&[0, 1, 2, 3, -1], &traits, &BTreeMap::new()).unwrap();
        assert_eq!(names, ["a, b, c", "a, b, d", "average (2)", "average (3)", "noise"]);
        let given = parse(&BTreeMap::from([("1".to_string(), "Loyal".to_string())])).unwrap();
        assert_eq!(all(&[0, 1], &traits[..2], &given).unwrap(), ["a, b", "Loyal"]);
        let error = all(&[0], &traits[..1], &given).unwrap_err().to_string();
        assert_eq!(error, "`names` has segment 1, which is not there; segments are 0");
        assert_eq!(
            parse(&BTreeMap::from([("x".to_string(), String::new())])),
            Err("x".to_string())
        );
    }
}
