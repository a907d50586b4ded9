//! Names for contacts without a name: `Giant Duck (anonym)`.

use uuid::Uuid;

const ADJECTIVES: [&str; 64] = [
    "Amber", "Azure", "Bold", "Brave", "Bright", "Bronze", "Calm", "Cheerful", "Clever", "Colored",
    "Coral", "Cosmic", "Crimson", "Curious", "Daring", "Dapper", "Eager", "Electric", "Emerald",
    "Fancy", "Fearless", "Fluffy", "Friendly", "Frosty", "Gentle", "Giant", "Golden", "Graceful",
    "Happy", "Hidden", "Humble", "Indigo", "Ivory", "Jolly", "Keen", "Kind", "Lively", "Lucky",
    "Magenta", "Mellow", "Mighty", "Misty", "Noble", "Olive", "Patient", "Playful", "Proud",
    "Purple", "Quick", "Quiet", "Radiant", "Royal", "Rusty", "Scarlet", "Shiny", "Silver",
    "Sleepy", "Snowy", "Sunny", "Swift", "Teal", "Velvet", "Violet", "Witty",
];

const ANIMALS: [&str; 64] = [
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

/// Generates the name of the contact with this id. It depends on the id only, so that every
/// replica generates the same one.
pub fn generated_name(id: Uuid) -> String {
    // The last bytes of a version 7 id are random; its first ones are the time.
    let [.., first, second] = *id.as_bytes();
    let adjective = ADJECTIVES[usize::from(first) % ADJECTIVES.len()];
    let animal = ANIMALS[usize::from(second) % ANIMALS.len()];
    format!("{adjective} {animal} (anonym)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_always_gets_the_same_name() {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_190e);
        assert_eq!(generated_name(id), "Giant Duck (anonym)");
        assert_eq!(generated_name(id), generated_name(id));
    }

    #[test]
    fn no_word_is_listed_twice() {
        let words: std::collections::BTreeSet<_> = ADJECTIVES.iter().chain(&ANIMALS).collect();
        assert_eq!(words.len(), ADJECTIVES.len() + ANIMALS.len());
    }
}
