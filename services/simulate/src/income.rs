//! What a household has: net income per head from a mixture of three groups, its parts, wages, the
//! class on the books, savings and support. It refuses to know what happens to it.

use crate::{
    draw::{Draw, Topic, fen},
    population::{Labour, Person, Work},
};

/// The mixture of administrative net income per head: share, median in yuan, sigma.
const GROUPS: [(f64, f64, f64); 3] =
    [(0.900, 19_000.0, 0.48), (0.085, 12_500.0, 0.25), (0.015, 7_600.0, 0.22)];
/// How much likelier than average a household of each group is to be formerly registered poor.
const POOR_ODDS: [f64; 3] = [0.80, 2.70, 3.30];
/// Urban and rural allowances of about this many yuan a month and person.
const DIBAO_YUAN: f64 = 420.0;

/// A household's money and standing.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) class: &'static str,
    pub(crate) registered_poor: bool,
    pub(crate) net_fen: i64,
    pub(crate) wage_fen: i64,
    pub(crate) business_fen: i64,
    pub(crate) property_fen: i64,
    pub(crate) transfer_fen: i64,
    pub(crate) business_cost_fen: i64,
    pub(crate) savings_fen: i64,
    pub(crate) support_fen: i64,
    /// Programme and monthly amount of running aid.
    pub(crate) aid: Option<(&'static str, i64)>,
}

/// Share of households on the books as formerly poor in a county: 13.6 % on average, 0 to 45 %.
pub(crate) fn poor_share(seed: u64, county: u32) -> f64 {
    Draw::new(seed, Topic::Layout, 1 + u64::from(county)).beta(1.6, 10.2).min(0.45)
}

/// The means of household `index`; gives wage workers their pay.
pub(crate) fn assign(seed: u64, index: u32, poor_share: f64, people: &mut [Person]) -> Means {
    let mut draw = Draw::new(seed, Topic::Income, u64::from(index));
    let group = draw.weighted(&GROUPS.map(|(share, ..)| share));
    let (_, median, sigma) = GROUPS[group];
    let per_head = draw.lognormal(median, sigma).clamp(1500.0, 400_000.0);
    let size = people.len() as f64;
    let net = per_head * size;
    let registered_poor = draw.chance((poor_share * POOR_ODDS[group]).min(0.95));
    let class = class(group, per_head, registered_poor, people, &mut draw);

    for person in people.iter_mut() {
        let paid = match person.work {
            Work::Away => true,
            Work::Home => person.age < 60 && draw.chance(0.42),
            Work::None => false,
        };
        if paid {
            person.wage_fen = 1;
        }
    }
    let workers = people.iter().filter(|p| p.wage_worker()).count();
    let wage = if workers == 0 { 0.0 } else { net * draw.between(0.5, 0.8) };
    if workers > 0 {
        let monthly = (wage / workers as f64 / 10.0).clamp(1200.0, 14_000.0);
        for person in people.iter_mut().filter(|p| p.wage_worker()) {
            person.wage_fen = fen((monthly * draw.between(0.8, 1.2) / 10.0).round() * 10.0);
        }
    }
    let rest = net - wage;
    let transfer = rest * draw.between(0.25, 0.6);
    let property = rest * draw.between(0.0, 0.08);
    let (net_fen, wage_fen) = (fen(net), fen(wage));
    let (transfer_fen, property_fen) = (fen(transfer), fen(property));
    let earned = (net_fen - wage_fen - transfer_fen - property_fen).max(0);
    let business_cost_fen = fen(earned as f64 / 100.0 * draw.between(0.2, 0.6));
    let poor_factor = [1.0, 0.45, 0.25][group];
    let savings =
        if draw.chance(0.14) { 0.0 } else { draw.lognormal(net * 0.55 * poor_factor, 0.9) };
    let old = people.iter().all(|p| p.age >= 60);
    let support =
        if draw.chance(if old { 0.62 } else { 0.22 }) { draw.lognormal(5200.0, 0.7) } else { 0.0 };
    Means {
        class,
        registered_poor,
        net_fen,
        wage_fen,
        business_fen: earned + business_cost_fen,
        property_fen,
        transfer_fen,
        business_cost_fen,
        savings_fen: fen(savings),
        support_fen: fen(support),
        aid: aid(class, people.len(), &mut draw),
    }
}

/// The class on the books; about 6 % of persons are in one of the low-income classes, and of those
/// below the monitoring line only a part, because the others have savings or support.
fn class(
    group: usize,
    per_head: f64,
    registered_poor: bool,
    people: &[Person],
    draw: &mut Draw,
) -> &'static str {
    let idle = people.iter().all(|p| p.labour == Labour::None);
    let low = match (group, per_head) {
        (2, _) => 0.80,
        (_, ..8_500.0) => 0.45,
        (1, _) => 0.28,
        (_, ..12_000.0) => 0.07,
        _ => 0.010,
    };
    if !draw.chance(if idle { low * 1.35 } else { low }) {
        return if registered_poor { "registered_poor" } else { "ordinary" };
    }
    if idle && people.len() == 1 && draw.chance(0.45) {
        return "tekun";
    }
    let monitored = if registered_poor { "unstable_lifted" } else { "marginal" };
    draw.pick(&[
        ("dibao", 0.66),
        ("dibao_edge", 0.13),
        ("low_income", 0.06),
        (monitored, 0.11),
        ("sudden_difficulty", 0.04),
    ])
}

fn aid(class: &str, size: usize, draw: &mut Draw) -> Option<(&'static str, i64)> {
    match class {
        "dibao" => {
            let heads = if draw.chance(0.4) { 1.0 } else { size as f64 };
            Some((
                "dibao",
                fen((DIBAO_YUAN * heads * draw.between(0.6, 1.1) / 10.0).round() * 10.0),
            ))
        }
        "tekun" => Some(("tekun", fen(980.0))),
        _ => None,
    }
}
