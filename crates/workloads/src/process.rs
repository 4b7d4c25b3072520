//! Memory and disk as the system sees them, and a thread that watches them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time between two looks.
const SAMPLE_EVERY: Duration = Duration::from_millis(10);

/// Memory of a process, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Most resident memory so far, mapped files included.
    pub(crate) peak_rss: u64,
    /// Resident memory that belongs to no file.
    pub(crate) anonymous: u64,
}

/// Reads the memory of a process; zeros when it is gone.
pub(crate) fn memory(pid: u32) -> Memory {
    parse_status(&fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default())
}

fn parse_status(status: &str) -> Memory {
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .and_then(|value| value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
            .map_or(0, |kib| kib * 1024)
    };
    Memory { peak_rss: field("VmHWM"), anonymous: field("RssAnon") }
}

/// Sets the peak of a process back to what it has now, where the system allows it.
pub(crate) fn reset_peak(pid: u32) {
    // Refused without the right to: then the peak is that of the whole life of the process.
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// Bytes that the files below a directory occupy on disk.
pub(crate) fn disk_usage(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_usage(&entry.path()),
            // Blocks are counted in units of 512 bytes, whatever the filesystem.
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// The most that was seen while something ran.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peaks {
    /// Anonymous memory of the process, bytes.
    pub(crate) anonymous: u64,
    /// Disk that the watched directory occupied, bytes.
    pub(crate) disk: u64,
}

/// Looks at a process and a directory until it is stopped.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Peaks>,
}

impl Watch {
    pub(crate) fn start(pid: u32, directory: PathBuf) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut peaks = Peaks::default();
            loop {
                let is_last = is_stopped.load(Ordering::Relaxed);
                peaks.anonymous = peaks.anonymous.max(memory(pid).anonymous);
                peaks.disk = peaks.disk.max(disk_usage(&directory));
                if is_last {
                    return peaks;
                }
                std::thread::sleep(SAMPLE_EVERY);
            }
        });
        Watch { stop, thread }
    }

    pub(crate) fn stop(self) -> Peaks {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_in_bytes() {
        let status =
            "Name:\tx\nVmHWM:\t   12 kB\nVmRSS:\t 9 kB\nRssAnon:\t    4 kB\nRssFile:\t 5 kB\n";
        assert_eq!(parse_status(status), Memory { peak_rss: 12 * 1024, anonymous: 4 * 1024 });
        assert_eq!(parse_status(""), Memory::default());
    }

    #[test]
    fn this_process_and_a_directory_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("inner")).unwrap();
        let watch = Watch::start(std::process::id(), dir.path().to_path_buf());
        fs::write(dir.path().join("inner/file"), vec![1; 100_000]).unwrap();
        let peaks = watch.stop();
        assert!(peaks.anonymous > 0 && peaks.anonymous <= memory(std::process::id()).peak_rss);
        // Some filesystems count blocks only when they write them.
        assert!(peaks.disk == 0 || peaks.disk >= 100_000);
    }
}
