//! The process itself.

use tokio::{runtime::Handle, time::sleep};

use super::{GAUGE_INTERVAL, Quantity, is_enabled};

static MEMORY: Quantity =
    Quantity::new("process.memory.usage", "By", "Physical memory that the process uses.");
static FILES: Quantity = Quantity::new(
    "process.unix.file_descriptor.count",
    "{file_descriptor}",
    "Open files and connections.",
);
static TASKS: Quantity =
    Quantity::new("onethread.runtime.tasks", "{task}", "Running tasks of the async runtime.");
static QUEUED: Quantity = Quantity::new(
    "onethread.runtime.queued_tasks",
    "{task}",
    "Tasks that wait for a thread of the async runtime.",
);

/// Measures the process until the runtime ends, if metrics are exported. Where there is no `/proc`,
/// only the runtime is measured.
pub async fn measure_process() {
    while is_enabled() {
        measure();
        sleep(GAUGE_INTERVAL).await;
    }
}

fn measure() {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let runtime = Handle::current().metrics();
    TASKS.set(number(runtime.num_alive_tasks()), &[]);
    QUEUED.set(number(runtime.global_queue_depth()), &[]);
    if let Some(bytes) = resident_bytes() {
        MEMORY.set(bytes, &[]);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        FILES.set(number(open.count()), &[]);
    }
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
