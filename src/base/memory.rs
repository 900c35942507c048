//! A budget of memory for a whole run. Work that has to hold a lot asks first; work that streams asks how much it may hold at a
//! time. Results never depend on it: it decides what is done side by side, and what is refused. It counts what was
//! asked for and not what the program really holds.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

/// What the program itself takes, and windows of streams: no more than so much of a budget is lent.
const OWN: u64 = 160 << 20;

/// How long to wait before looking whether the work was stopped meanwhile.
const PATIENCE: Duration = Duration::from_millis(100);

/// A budget of memory. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    limit: Option<u64>,
    used: Arc<(Mutex<u64>, Condvar)>,
}

/// More was asked for than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLittle {
    /// Bytes that are needed in all, the program's own among them.
    pub needed: u64,
    /// Bytes that are allowed.
    pub allowed: u64,
}

impl Memory {
    /// Makes a budget of so many bytes; without a limit for `None`.
    pub fn new(limit: Option<u64>) -> Memory {
        Memory { limit, used: Arc::default() }
    }

    /// Returns how many bytes are allowed in all.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Takes bytes out of the budget while the lease lives. Where others hold too much of it at the moment, it waits until
    /// they are done or `stopped` says so; what a lease holds already is not waited for.
    ///
    /// # Errors
    /// If there would not be enough even if nobody else held any.
    pub fn take(
        &self,
        lease: &mut Lease,
        n_bytes: u64,
        stopped: &dyn Fn() -> bool,
    ) -> Result<(), TooLittle> {
        let Some(limit) = self.limit else { return Ok(()) };
        let mine = lease.n_bytes.saturating_add(n_bytes);
        let needed = mine.saturating_add(OWN);
        if needed > limit {
            return Err(TooLittle { needed, allowed: limit });
        }
        let (used, changed) = &*self.used;
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        // Who holds some and waits for more could wait for somebody who waits as well.
        while lease.n_bytes == 0 && *used > 0 && *used + needed > limit && !stopped() {
            let waited = changed.wait_timeout(used, PATIENCE);
            used = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *used += n_bytes;
        lease.n_bytes = mine;
        lease.used = Some(self.used.clone());
        Ok(())
    }

    /// Takes as many more pieces of so many bytes as there is room for at the moment, at most `most`; returns how many.
    pub fn take_more(&self, lease: &mut Lease, n_bytes: u64, most: usize) -> usize {
        let Some(limit) = self.limit else { return most };
        let (used, _) = &*self.used;
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        let room = limit.saturating_sub(OWN).saturating_sub(*used) / n_bytes.max(1);
        let n = usize::try_from(room).unwrap_or(usize::MAX).min(most);
        *used += n_bytes * n as u64;
        lease.n_bytes += n_bytes * n as u64;
        lease.used = Some(self.used.clone());
        n
    }
}

/// What was taken out of a [`Memory`]; it goes back when it is dropped.
#[derive(Debug, Default)]
pub struct Lease {
    n_bytes: u64,
    used: Option<Arc<(Mutex<u64>, Condvar)>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(shared) = &self.used {
            let (used, changed) = &**shared;
            *used.lock().unwrap_or_else(PoisonError::into_inner) -= self.n_bytes;
            changed.notify_all();
        }
    }
}

/// Reads `2GiB`, `512 MiB`, `1.5G`, `800000000`. `K`, `M`, `G`, `T` alone and with `iB` are powers of 1024, with `B` of 1000.
///
/// # Errors
/// What is wrong, in words.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no size, such as 2GiB"))?;
    let unit = unit.trim().to_ascii_lowercase();
    let (letter, rest) = unit.split_at_checked(1).unwrap_or((&unit, ""));
    let base: f64 = match rest {
        "" | "ib" => 1024.0,
        "b" => 1000.0,
        _ => return Err(format!("`{unit}` is no unit; there are MiB, GiB, TiB")),
    };
    let power = match (letter, rest) {
        ("" | "b", "") => 0,
        ("k", _) => 1,
        ("m", _) => 2,
        ("g", _) => 3,
        ("t", _) => 4,
        _ => return Err(format!("`{unit}` is no unit; there are MiB, GiB, TiB")),
    };
    let bytes = number * base.powi(power);
    let most = (1_u64 << 60) as f64;
    if bytes >= 1.0 && bytes <= most {
        Ok(bytes as u64)
    } else {
        Err(format!("`{text}` is no size"))
    }
}

impl fmt::Display for TooLittle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "needs {} of memory, {} allowed", size(self.needed), size(self.allowed))
    }
}

/// Returns a size as a person writes it, with the bytes.
fn size(n_bytes: u64) -> String {
    let (n, unit) = match n_bytes {
        n if n >= 1 << 30 => (n as f64 / (1_u64 << 30) as f64, "GiB"),
        n => (n as f64 / (1_u64 << 20) as f64, "MiB"),
    };
    format!("{n:.1} {unit} ({n_bytes} bytes)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("2GiB", 2 << 30),
            ("512 mib", 512 << 20),
            ("1.5G", 3 << 29),
            ("800000000", 800_000_000),
            ("3kB", 3_000),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for text in ["", "GiB", "2 GHz", "-1", "0", "1e9", "2bb", "9999999999T", "2µB", "2µ"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_taken_goes_back_and_too_much_is_refused() {
        let memory = Memory::new(Some(OWN + 100));
        let never = || true;
        let mut lease = Lease::default();
        assert_eq!(memory.take(&mut lease, 60, &never), Ok(()));
        let error = memory.take(&mut lease, 60, &never).unwrap_err();
        assert_eq!(error, TooLittle { needed: OWN + 120, allowed: OWN + 100 });
        assert_eq!(memory.take_more(&mut lease, 15, 9), 2);
        let more = |n_bytes, most| memory.take_more(&mut Lease::default(), n_bytes, most);
        assert_eq!((more(5, 9), more(15, 9)), (2, 0), "what is taken is not lent twice");
        drop(lease);
        assert_eq!((more(20, 9), more(20, 3), more(0, 9)), (5, 3, 9));
        assert_eq!(Memory::default().take_more(&mut Lease::default(), 1 << 40, 9), 9);
    }

    #[test]
    fn who_needs_what_another_holds_waits_for_it() {
        let memory = Memory::new(Some(OWN + 100));
        let mut first = Lease::default();
        memory.take(&mut first, 80, &|| false).unwrap();
        std::thread::scope(|scope| {
            let other = memory.clone();
            let waiting = scope.spawn(move || {
                let mut lease = Lease::default();
                other.take(&mut lease, 80, &|| false).map(|()| lease.n_bytes)
            });
            drop(first);
            assert_eq!(waiting.join().unwrap(), Ok(80));
        });
        assert_eq!(memory.take_more(&mut Lease::default(), 1, 1000), 100);
    }
}
