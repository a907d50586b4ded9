//! Names for people who gave none: `Giant Duck (anonym)`.

use uuid::Uuid;

const FIRST: [&str; 64] = [
    "Amber", "Azure", "Bold", "Brave", "Bright", "Bronze", "Calm", "Cheerful", "Clever", "Colored",
    "Coral", "Cosmic", "Crimson", "Curious", "Daring", "Dapper", "Eager", "Electric", "Emerald",
    "Fancy", "Fearless", "Fluffy", "Friendly", "Frosty", "Gentle", "Giant", "Golden", "Graceful",
    "Happy", "Hidden", "Humble", "Indigo", "Ivory", "Jolly", "Keen", "Kind", "Lively", "Lucky",
    "Magenta", "Mellow", "Mighty", "Misty", "Noble", "Olive", "Patient", "Playful", "Proud",
    "Purple", "Quick", "Quiet", "Radiant", "Royal", "Rusty", "Scarlet", "Shiny", "Silver",
    "Sleepy", "Snowy", "Sunny", "Swift", "Teal", "Velvet", "Violet", "Witty",
];

const SECOND: [&str; 64] = [
    "Albatross",
    "Antelope",
    "Armadillo",
    "Badger",
    "Beaver",
    "Bison",
    "Butterfly",
    "Camel",
    "Caribou",
    "Cheetah",
    "Cobra",
    "Crane",
    "Deer",
    "Dolphin",
    "Duck",
    "Eagle",
    "Elephant",
    "Falcon",
    "Ferret",
    "Finch",
    "Flamingo",
    "Fox",
    "Gazelle",
    "Giraffe",
    "Hamster",
    "Hare",
    "Hawk",
    "Hedgehog",
    "Heron",
    "Hippo",
    "Ibis",
    "Iguana",
    "Jaguar",
    "Kangaroo",
    "Kingfisher",
    "Koala",
    "Lemur",
    "Leopard",
    "Lion",
    "Lynx",
    "Magpie",
    "Marmot",
    "Mole",
    "Moose",
    "Narwhal",
    "Newt",
    "Octopus",
    "Otter",
    "Owl",
    "Panda",
    "Parrot",
    "Pelican",
    "Penguin",
    "Puffin",
    "Raccoon",
    "Raven",
    "Salmon",
    "Seal",
    "Sparrow",
    "Stork",
    "Tiger",
    "Tortoise",
    "Walrus",
    "Zebra",
];

/// The generated name of the person with this id: the same on every load and every replica.
pub fn generated_name(id: Uuid) -> String {
    // The last bytes of a version 7 id are random; its first ones are the time.
    let [.., first, second] = *id.as_bytes();
    let first = FIRST[usize::from(first) % FIRST.len()];
    let second = SECOND[usize::from(second) % SECOND.len()];
    format!("{first} {second} (anonym)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_has_the_same_name() {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_190e);
        assert_eq!(generated_name(id), "Giant Duck (anonym)");
        assert_eq!(generated_name(id), generated_name(id));
    }

    #[test]
    fn every_word_can_come_up() {
        let words: std::collections::BTreeSet<_> = FIRST.iter().chain(&SECOND).collect();
        assert_eq!(words.len(), FIRST.len() + SECOND.len());
    }
}
