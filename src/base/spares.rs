//! Things that wait to be used again, as many as were in use at once: what takes long to come by is made once a thread and
//! not once a task. It does not know what they are.

use std::sync::Mutex;

/// Things that wait.
#[derive(Debug, Default)]
pub struct Spares<T>(Mutex<Vec<T>>);

impl<T: Default> Spares<T> {
    /// Lets `f` use one, in whatever state it was left, or a new one.
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let waiting = self.0.lock().ok().and_then(|mut spares| spares.pop());
        let mut one = waiting.unwrap_or_default();
        let result = f(&mut one);
        if let Ok(mut spares) = self.0.lock() {
            spares.push(one);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_is_not_given_twice() {
        let spares = Spares::<Vec<u8>>::default();
        spares.with(|a| {
            a.push(1);
            spares.with(|b| b.extend([2, 2]));
        });
        spares.with(|a| spares.with(|b| assert_eq!(a.len() + b.len(), 3)));
    }
}
