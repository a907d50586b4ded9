//! The processor time that other processes took, from `/proc`.

use std::{fs, path::Path};

/// Ticks a second, which on Linux is a constant for programs.
const TICKS: f64 = 100.0;

/// Seconds that a process and its children took, those that ended included.
pub(crate) fn of_tree(pid: u32) -> f64 {
    let own = stat(pid).map_or(0.0, |stat| stat.own + stat.ended_children);
    let children = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let stat = stat(entry.file_name().to_str()?.parse().ok()?)?;
        (stat.parent == pid).then_some(stat.own + stat.ended_children)
    });
    own + children.sum::<f64>()
}

/// The process that another one was started by.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    Some(stat(pid)?.parent)
}

struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The name stands in brackets and may hold anything; the parent is the second field behind it.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<_> = rest.split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: (ticks(11)? + ticks(12)?) / TICKS,
        ended_children: (ticks(13)? + ticks(14)?) / TICKS,
    })
}
