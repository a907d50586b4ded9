//! The processor time of other processes, from `/proc`.

use std::{fs, path::Path};

/// Clock ticks per second. On Linux it is a constant for programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns the seconds of a process and its children, including those that have exited.
pub(crate) fn of_tree(pid: u32) -> f64 {
    let own = stat(pid).map_or(0.0, |stat| stat.own + stat.ended_children);
    let children = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let stat = stat(entry.file_name().to_str()?.parse().ok()?)?;
        (stat.parent == pid).then_some(stat.own + stat.ended_children)
    });
    own + children.sum::<f64>()
}

/// Returns the parent of a process.
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
    // The name is in brackets and may contain anything. The parent is the second field after it.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<_> = rest.split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
        ended_children: (ticks(13)? + ticks(14)?) / TICKS_PER_SECOND,
    })
}
