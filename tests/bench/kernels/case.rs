//! What every case is given: arrays from files, threads, a stopwatch. It does not know any algorithm.

use std::{fs, path::Path, time::Instant};

use anyhow::Context;
use orchestrate::{
    ml::{Matrix, agreement::Contingency},
    stage::work::Work,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// A named measurement; `run` returns what tells that the result is right, as a JSON object.
pub struct Case {
    pub name: &'static str,
    pub run: fn(&mut Bench) -> anyhow::Result<Value>,
}

/// Data, threads and stopwatch of one measurement.
pub struct Bench<'a> {
    data: &'a Path,
    threads: usize,
    runs: usize,
    seconds: Vec<(f64, f64)>,
}

impl Bench<'_> {
    pub fn new(data: &Path, threads: usize, runs: usize) -> Bench<'_> {
        Bench { data, threads, runs, seconds: Vec::new() }
    }

    /// Reads `NAME.f64`: little-endian numbers, row after row.
    pub fn matrix(&self, name: &str, n_cols: usize) -> anyhow::Result<Matrix> {
        let values: Vec<f64> = self.numbers(&format!("{name}.f64"), f64::from_le_bytes)?;
        Ok(Matrix::new(values.len() / n_cols, n_cols, values))
    }

    /// Reads `NAME.u32`: little-endian classes.
    pub fn classes(&self, name: &str) -> anyhow::Result<Vec<u32>> {
        self.numbers(&format!("{name}.u32"), u32::from_le_bytes)
    }

    fn numbers<T, const N: usize>(
        &self,
        file: &str,
        parse: fn([u8; N]) -> T,
    ) -> anyhow::Result<Vec<T>> {
        let path = self.data.join(file);
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(bytes.as_chunks().0.iter().map(|b| parse(*b)).collect())
    }

    /// Returns threads of its own and no one who cancels.
    pub fn work(&self) -> Work {
        Work::alone(self.threads)
    }

    /// Runs `f` as often as was asked for and returns its last result.
    pub fn timed<T, E>(&mut self, f: impl Fn(&Work) -> Result<T, E>) -> Result<T, E> {
        let mut once = || {
            let (wall, cpu) = (Instant::now(), cpu_seconds());
            let result = f(&Work::alone(self.threads))?;
            self.seconds.push((wall.elapsed().as_secs_f64(), cpu_seconds() - cpu));
            Ok(result)
        };
        for _ in 1..self.runs {
            once()?;
        }
        once()
    }

    /// Returns medians and minima of what was measured.
    pub fn timings(&self) -> anyhow::Result<Value> {
        let (walls, cpus): (Vec<f64>, Vec<f64>) = self.seconds.iter().copied().unzip();
        let (wall, cpu) = (sorted(walls), sorted(cpus));
        let middle = wall.len() / 2;
        Ok(json!({
            "wall": wall.get(middle), "cpu": cpu.get(middle),
            "wall_min": wall.first(), "cpu_min": cpu.first(),
            "mb": peak_mb()?,
        }))
    }
}

/// Returns the adjusted Rand index of found labels against the true classes.
pub fn adjusted_rand(truth: &[u32], labels: &[i32]) -> Value {
    let truth: Vec<i32> = truth.iter().map(|&c| c as i32).collect();
    json!(Contingency::new(&truth, labels).adjusted_rand_index())
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// Returns user and system seconds of this process, all threads.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Returns the largest resident size so far in MB, which only Linux tells this way.
fn peak_mb() -> anyhow::Result<Option<f64>> {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return Ok(None) };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|l| l.trim().strip_suffix("kB")).context("no VmHWM in the status")?;
    Ok(Some((kb.trim().parse::<f64>()? / 1024.0).round()))
}
