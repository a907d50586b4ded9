//! Large CSV files for imports. Rows are generated while they are written, so a file of any size
//! needs no memory.

use std::io::{self, Write};

use crate::Random;

/// The columns. An import proposes the right mapping for them.
const COLUMNS: &str = "user_id,email,name,phone,company,tags,custom.plan,custom.city";

const FIRST: [&str; 16] = [
    "Ann",
    "Bjørn",
    "Chloé",
    "Dmitri",
    "Elif",
    "Farah",
    "Grzegorz",
    "Hana",
    "Iñigo",
    "Jürgen",
    "Kim",
    "Lucía",
    "Mehmet",
    "Noor",
    "Oluwaseun",
    "Priya",
];
const LAST: [&str; 16] = [
    "Andersson",
    "Bauer",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Horváth",
    "Ivanova",
    "Jansen",
    "Kowalski",
    "López",
    "Müller",
    "Nguyen",
    "O'Brien",
    "Petrov",
];
const COMPANIES: [&str; 8] =
    ["Acme", "Blue Harbour", "Cedar & Sons", "\"Delta, Inc.\"", "Evergreen", "Fjord", "Globex", ""];
const CITIES: [&str; 8] =
    ["Athens", "Berlin", "Córdoba", "Dublin", "Essen", "\"Frankfurt, Main\"", "Gdańsk", "Helsinki"];
const PLANS: [&str; 4] = ["free", "basic", "pro", "enterprise"];
const TAGS: [&str; 5] = ["", "newsletter", "vip", "newsletter;vip", "trial;2026"];

/// Writes a file with a header and `count` contacts, whose user ids are numbered from `first`. The
/// same seed generates the same file.
pub fn write_large_csv(mut out: impl Write, seed: u64, first: u64, count: u64) -> io::Result<()> {
    let random = Random::seeded(seed);
    writeln!(out, "{COLUMNS}")?;
    for number in first..first + count {
        let mut choice = random.below(1 << 62);
        let mut pick = |from: &[&'static str]| {
            let many = from.len() as u64;
            let at = usize::try_from(choice % many).expect("a list is short");
            choice /= many;
            from[at]
        };
        let (given, family) = (pick(&FIRST), pick(&LAST));
        let (company, city) = (pick(&COMPANIES), pick(&CITIES));
        let (plan, tags) = (pick(&PLANS), pick(&TAGS));
        let phone = choice % 100_000_000;
        // As in reality, emails are not in ascending order.
        let mail = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
        writeln!(
            out,
            "customer-{number},{mail:x}@example.com,{given} {family},+49 {phone:08},{company},{tags},{plan},{city}"
        )?;
    }
    out.flush()
}
