//! A trace as text: one span a line, indented below its parent, with its kind, name, process, status and
//! reason. Siblings are sorted, and equal ones are one line: how often something is repeated, for
//! example until another process has done its part, differs from run to run.

use std::collections::{BTreeMap, BTreeSet};

use onethread_tests::{Span, kind};

/// Calls whose answers a process caches for a moment. Whether one is made in a single process depends on
/// which of two deliveries is first, so their trees are left out there.
const CACHED: [&str; 2] = ["/BatchGetContacts", "/BatchGetAgents"];

/// Renders the trace with this id. Spans whose parent is missing follow the tree, marked by `?`.
pub(super) fn render(spans: &[Span], trace: &str, is_apart: bool) -> String {
    let spans: Vec<_> = spans.iter().filter(|span| span.trace == trace).collect();
    let ids: BTreeSet<_> = spans.iter().map(|span| span.id.as_str()).collect();
    let mut children: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for span in &spans {
        children.entry(&span.parent).or_default().push(span);
    }
    let mut text = String::new();
    for span in children.get("").into_iter().flatten() {
        text.push_str(&subtree(span, &children, 0, is_apart));
    }
    let lost = spans.iter().filter(|span| !span.parent.is_empty());
    for span in lost.filter(|span| !ids.contains(span.parent.as_str())) {
        text.push_str(&format!("? {}\n", line(span, is_apart)));
    }
    text
}

fn subtree(
    span: &Span,
    children: &BTreeMap<&str, Vec<&Span>>,
    depth: usize,
    is_apart: bool,
) -> String {
    let mut text = format!("{}{}\n", "  ".repeat(depth), line(span, is_apart));
    let below = children.get(span.id.as_str()).into_iter().flatten();
    let below =
        below.filter(|child| is_apart || !CACHED.iter().any(|cached| child.name.ends_with(cached)));
    let below: BTreeSet<_> =
        below.map(|child| subtree(child, children, depth + 1, is_apart)).collect();
    below.iter().for_each(|child| text.push_str(child));
    text
}

fn line(span: &Span, is_apart: bool) -> String {
    let kind = match span.kind {
        kind::SERVER => "SERVER",
        kind::CLIENT => "CLIENT",
        kind::CONSUMER => "CONSUMER",
        kind::INTERNAL => "INTERNAL",
        _ => "OTHER",
    };
    let mut line = format!("{kind} {}", span.name);
    if is_apart {
        let service = span.service.strip_prefix("onethread-").unwrap_or(&span.service);
        line.push_str(&format!(" [{service}]"));
    }
    let status = ["rpc.status_code", "http.response.status_code"];
    if let Some(status) = status.iter().find_map(|name| span.attributes.get(*name)) {
        line.push_str(&format!(" {status}"));
    }
    if let Some(reason) = span.attributes.get("onethread.error.reason") {
        line.push_str(&format!(" {reason}"));
    }
    if span.has_failed {
        line.push_str(" ERROR");
    }
    line
}
