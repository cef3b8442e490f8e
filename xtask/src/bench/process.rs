//! What a process has cost so far: CPU time and memory, as the kernel counts them in `/proc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// How often a process is looked at for its memory and its end.
pub(super) const POLL: Duration = Duration::from_millis(5);

/// The unit of CPU times in `/proc`, the same on nearly every Linux whatever its timer's rate.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU, user and system, of all threads of a process so far. A process that has ended
/// still tells until it is waited for.
///
/// # Errors
/// If there is no such process.
pub(super) fn cpu_s(pid: u32) -> Result<f64> {
    cpu_s_at(&PathBuf::from(format!("/proc/{pid}/stat")))
}

/// The same of the calling thread alone.
///
/// # Errors
/// If `/proc` is not there.
pub(super) fn own_thread_cpu_s() -> Result<f64> {
    cpu_s_at(Path::new("/proc/thread-self/stat"))
}

/// CPU seconds from one reading to a later one, without the noise of their difference as floats.
pub(super) fn cpu_s_since(before: f64, after: f64) -> f64 {
    ((after - before) * TICKS_PER_SECOND).round() / TICKS_PER_SECOND
}

fn cpu_s_at(path: &Path) -> Result<f64> {
    let stat = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let ticks = cpu_ticks(&stat).with_context(|| format!("no CPU times in {}", path.display()))?;
    Ok(f64::from(u32::try_from(ticks)?) / TICKS_PER_SECOND)
}

/// The sum of fields 14 and 15, utime and stime. Field 2 is a name that may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// The most memory that a process has had resident, in bytes; `None` if it has ended.
pub(super) fn peak_memory(pid: u32) -> Option<u64> {
    peak_in(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// What a process cost that ran to its end.
#[derive(Debug)]
pub(super) struct Cost {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// Seconds of CPU.
    pub(super) cpu_s: f64,
    /// The most memory resident, in bytes, up to [`POLL`] before the end.
    pub(super) peak: u64,
}

/// Waits until a process ends.
///
/// # Errors
/// If it cannot be waited for.
pub(super) fn watch(mut child: Child) -> Result<Cost> {
    let pid = child.id();
    let id = Pid::from_raw(pid.cast_signed()).context("no process id")?;
    let mut peak = 0;
    // Its end is noticed without reaping it, so that its times are still there to be read.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while waitid(WaitId::Pid(id), options)?.is_none() {
        peak = peak_memory(pid).unwrap_or(peak);
        thread::sleep(POLL);
    }
    let cpu_s = cpu_s(pid)?;
    Ok(Cost { status: child.wait()?, cpu_s, peak })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_times_are_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20 0 1 0 99";
        assert_eq!(cpu_ticks(stat), Some(150));
        assert_eq!(cpu_ticks("7 (a) S 1 2"), None);
    }

    #[test]
    fn differences_are_whole_ticks() {
        assert_eq!(cpu_s_since(0.1, 0.4), 0.3);
    }

    #[test]
    fn the_peak_is_read_in_bytes() {
        assert_eq!(peak_in("VmPeak:\t  99 kB\nVmHWM:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(peak_in("Name:\tx\n"), None);
    }

    #[test]
    fn the_cost_of_a_process_is_known_after_its_end() {
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 3";
        let child = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
        let cost = watch(child).unwrap();
        assert_eq!(cost.status.code(), Some(3));
        assert!(cost.cpu_s > 0.0 && cost.peak > 0, "{cost:?}");
    }
}
