//! JSON pointers into the bodies of the API, from the paths that the services name.

use std::borrow::Cow;

/// Paths whose members have another name or place in the JSON API. A row applies to the path and to
/// what follows it; one that ends with a dot applies only to what follows. The first row wins.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("page_size", "/limit"),
    ("page_token", "/cursor"),
    ("header.request_id", "/idempotencyKey"),
    ("note", "/text"),
    ("filters", "/filter"),
    ("query", "/q"),
    ("order_by", "/sort"),
    ("target_contact_id", "/intoId"),
    ("organization_name", "/organization"),
    ("application.number", "/applicationId"),
    ("application.secret", "/applicationSecret"),
    // The body of these calls is the resource itself.
    ("changes.user.", ""),
    ("changes.", ""),
    ("agent.", ""),
    ("application.", ""),
    ("conversation.", ""),
    ("organization.", ""),
    ("webhook.", ""),
    ("context.", ""),
];

/// The `user` object keeps the names that pages write in the snippet.
const USER: &str = "user.";

/// Returns the JSON pointer (RFC 6901) for a path of a request message, such as `/preChat/fields/0`
/// for `application.pre_chat.fields[0]`. A pointer, as the gateway's own checks name it, stays.
pub(crate) fn json_pointer(path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let exception = EXCEPTIONS.iter().find_map(|(from, to)| {
        let rest = path.strip_prefix(from)?;
        let ends = rest.is_empty() || rest.starts_with(['.', '[']);
        (ends || from.ends_with('.')).then_some((*to, rest))
    });
    let (pointer, mut rest) = exception.unwrap_or(("", path));
    let mut pointer = pointer.to_owned();
    while let Some((part, after)) = split_first(rest) {
        let member = match part {
            Part::Name(name) if path.starts_with(USER) => Cow::Borrowed(name),
            Part::Name(name) => Cow::Owned(camel_case(name)),
            Part::Index(index) => Cow::Borrowed(index),
            Part::Key(key) => Cow::Owned(escape(&key)),
        };
        pointer.push('/');
        pointer.push_str(&member);
        rest = after;
    }
    pointer
}

/// Escapes a key for a JSON pointer.
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A part of a path.
enum Part<'a> {
    Name(&'a str),
    Index(&'a str),
    Key(String),
}

/// The first part of a path, and the rest.
fn split_first(path: &str) -> Option<(Part<'_>, &str)> {
    let path = path.strip_prefix('.').unwrap_or(path);
    if let Some(quoted) = path.strip_prefix("[\"") {
        let (key, rest) = unquote(quoted);
        return Some((Part::Key(key), rest.strip_prefix(']').unwrap_or(rest)));
    }
    if let Some(index) = path.strip_prefix('[') {
        let (index, rest) = index.split_once(']').unwrap_or((index, ""));
        return Some((Part::Index(index), rest));
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    (!name.is_empty()).then_some((Part::Name(name), rest))
}

/// A key up to its closing quotation mark, and what follows that.
fn unquote(quoted: &str) -> (String, &str) {
    let mut key = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (key, &quoted[at + 1..]),
            '\\' => key.extend(chars.next().map(|(_, char)| char)),
            _ => key.push(char),
        }
    }
    (key, "")
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut chars = word.chars();
        camel.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(chars.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use onethread_errors::entry_path;

    use super::*;

    #[test]
    fn a_path_is_a_pointer_into_the_body() {
        for (path, pointer) in [
            ("", ""),
            ("text", "/text"),
            ("note", "/text"),
            ("page_size", "/limit"),
            ("page_token", "/cursor"),
            ("header.request_id", "/idempotencyKey"),
            ("client_message_id", "/clientMessageId"),
            ("filters", "/filter"),
            ("query", "/q"),
            ("order_by", "/sort"),
            ("target_contact_id", "/intoId"),
            ("organization_name", "/organization"),
            ("application.number", "/applicationId"),
            ("application.secret", "/applicationSecret"),
            ("filters[3].operator", "/filter/3/operator"),
            ("changes.user.user_id", "/userId"),
            ("changes.user.custom_data[\"first_name\"]", "/customData/first_name"),
            ("changes.tags[1]", "/tags/1"),
            ("user.user_id", "/user/user_id"),
            ("user.custom_data[\"a/b~c\"]", "/user/custom_data/a~1b~0c"),
            ("fields[\"custom.size\"]", "/fields/custom.size"),
            ("organization", "/organization"),
            ("organization.policy", "/policy"),
            ("organization_id", "/organizationId"),
            ("application.pre_chat.fields[0].name", "/preChat/fields/0/name"),
            ("application.origins[1]", "/origins/1"),
            ("agent.name", "/name"),
            ("webhook.events[1]", "/events/1"),
            ("context.platform", "/platform"),
            ("/Idempotency-Key", "/Idempotency-Key"),
        ] {
            assert_eq!(json_pointer(path), pointer, "{path}");
        }
    }

    #[test]
    fn a_key_keeps_its_characters() {
        for key in ["plan", "a.b", "a[0]", "a]\"b", "back\\slash", "", "ä", "\"", "\\"] {
            let path = entry_path("mapping", key);
            assert_eq!(json_pointer(&path), format!("/mapping/{key}"), "{path}");
        }
    }

    #[test]
    fn a_path_with_a_mistake_is_still_a_pointer() {
        for (path, pointer) in [(".", ""), ("a..b", "/a"), ("a[1", "/a/1"), ("a[\"b", "/a/b")] {
            assert_eq!(json_pointer(path), pointer, "{path}");
        }
    }
}
