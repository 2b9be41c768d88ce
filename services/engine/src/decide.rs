//! One decision about one household: which rules stand, at which level, and until when.

use proto::{
    alert::Severity,
    catalogue::TypeId,
    date::{Date, Instant},
};
use rules::{Evaluate, Outcome, Pack};

use crate::{
    case::Case,
    desk::Desk,
    fold::Fold,
    household::{Household, Known},
    margin::{Hears, Margin, Room},
    publish::Press,
    record::WATCHED_DAYS,
    rows::Rows,
    rulebook::{RuleAt, Rulebook},
    silence::stays,
    view::Sight,
    watch::{Watch, Watches},
    words::Word,
    world::World,
};

/// Why a household is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause<'e> {
    /// Events of this type, its own or its areas', came, went or were replaced; if one alone came,
    /// its fields.
    Event(TypeId, Option<&'e [u8]>),
    /// An event of this type with these fields came that adds at most so many fen to what facts sum
    /// up, and does nothing else.
    Money(TypeId, u32, &'e [u8]),
    /// An event of this type took the place of another, which is gone; both do nothing but add to what
    /// facts sum up, this one at most so many fen.
    Restated(TypeId, u32, &'e [u8]),
    /// Its profile, its persons or several of its events changed.
    Data,
    /// A date came on which something can turn.
    Midnight,
    /// Packs came into force or left.
    Packs,
}

impl<'e> Cause<'e> {
    fn changes_data(self) -> bool {
        matches!(self, Cause::Data) || self.type_id().is_some()
    }

    /// The type of which live events changed, if nothing else did.
    fn type_id(self) -> Option<TypeId> {
        match self {
            Cause::Event(id, _) | Cause::Money(id, ..) | Cause::Restated(id, ..) => Some(id),
            Cause::Data | Cause::Midnight | Cause::Packs => None,
        }
    }

    /// The fields of the event that came, if it is one alone.
    fn fields(self) -> Option<&'e [u8]> {
        match self {
            Cause::Event(_, fields) => fields,
            Cause::Money(.., fields) | Cause::Restated(.., fields) => Some(fields),
            Cause::Data | Cause::Midnight | Cause::Packs => None,
        }
    }
}

impl Fold {
    /// Decides one household at an instant and publishes what changed.
    pub(crate) fn decide(&mut self, world: &World, ix: u32, at: Instant, cause: Cause<'_>) {
        let household = &mut self.households[ix as usize];
        let today = at.date();
        let generation = world.generation(household.seen);
        let Some(cause) = noted(household, cause, today, generation) else { return };
        let book = world.book(generation);
        if let Some(type_id) = cause.type_id()
            && book.reading(type_id).is_empty()
            && book.on_event().is_empty()
        {
            return;
        }
        if household.known.is_none() {
            return;
        }
        let mut case = household.case.take().or_else(|| self.spare.take()).unwrap_or_default();
        case.expire(today, book);
        let left = household.margin.left;
        let (asks, mut watches) = asked(book, today, &case, cause, household.watches.take(), left);
        if let Some(watches) = watches.take_if(|_| asks.is_empty() && cause != Cause::Midnight) {
            household.margin = watches.margin(book, household.due);
            household.watches = Some(watches);
            self.put_away(ix, case);
            return;
        }
        self.weigh(world, ix, at, cause, (case, asks, watches));
        self.arm(ix);
        self.set_alarm(ix);
    }

    /// Asks rules, publishes what changed and notes until when all of it stays.
    fn weigh(
        &mut self,
        world: &World,
        ix: u32,
        at: Instant,
        cause: Cause<'_>,
        (mut case, asks, mut watches): (Box<Case>, Vec<Ask>, Option<Watches>),
    ) {
        let household = &mut self.households[ix as usize];
        let Some(known) = household.known.take() else { return };
        let (today, book) = (at.date(), world.book(world.generation(household.seen)));
        let ledger = std::mem::take(&mut household.ledger);
        let rows = Rows::new(&ledger, &known, &world.areas, household.seen);
        let (words, watched_until) = (&self.words, household.watched_until);
        let sight = Sight { known: &known, words, rows: &rows, today, watched_until };
        let mut desk = Desk::new(book, sight, std::mem::take(&mut self.kit));
        let mut round = Round { world, household, case: &mut case, cause, grown: false };
        let mut found: Vec<Found> = Vec::with_capacity(asks.len());
        for Ask { slot, money } in asks {
            let stays = |watches: &mut Watches| {
                watches.rest(&mut desk, round.case, slot)
                    || money && watches.renew(&mut desk, round.case, slot)
            };
            if !watches.as_mut().is_some_and(stays) {
                found.push(round.rule(slot, &mut desk, &mut self.failed));
            }
        }
        let grown = round.grown;
        if cause == Cause::Midnight && watches.is_some() {
            show_held(&mut case, book, &found, today);
        }
        let held = case.standings.iter().map(|s| s.due()).min().unwrap_or(Date::MAX);
        if case.change().is_none()
            && !grown
            && let Some(watches) = &mut watches
        {
            found.iter().for_each(|found| watches.set(&mut desk, &case, *found));
        }
        let moment = Moment { world, at };
        let household = &mut self.households[ix as usize];
        let (routes, sheet) = (&mut self.words_of_route, &mut self.sheet);
        let mut press = Press { household, routes, sheet };
        if let Some((alert, grows)) = press.publish(&moment, &mut desk, &mut case, grown) {
            self.alerts.push(alert);
            // What is said moves every baseline.
            note_material(&mut found, &case, &desk, watches.as_ref(), grows);
            if let Some(watches) = &mut watches {
                found.iter().for_each(|found| watches.set(&mut desk, &case, *found));
            }
        }
        self.kit = desk.finish();
        case.standings.retain(|s| s.shown > Severity::None || s.silence.is_some());
        let household = &mut self.households[ix as usize];
        household.ledger = ledger;
        household.known = Some(known);
        household.due = held.min(next(watches.as_ref(), &found, cause, household.due));
        household.margin = watches.as_ref().map_or(Margin::NONE, |w| w.margin(book, household.due));
        household.watches = watches;
        self.put_away(ix, case);
    }

    /// Gives a case back to its household; one that holds nothing is kept for the next decision.
    fn put_away(&mut self, ix: u32, mut case: Box<Case>) {
        if case.is_empty() {
            *case = Case::default();
            self.spare = Some(case);
        } else {
            self.households[ix as usize].case = Some(case);
        }
    }
}

/// A rule to be asked.
#[derive(Clone, Copy)]
struct Ask {
    slot: u16,
    /// Whether nothing but money came to it, though more than its watch tells.
    money: bool,
}

impl Ask {
    fn whole(slot: u16) -> Ask {
        Ask { slot, money: false }
    }
}

/// Notes when the data of a known household changed; gives the cause with what changes with it.
fn noted<'e>(
    household: &mut Household,
    cause: Cause<'e>,
    today: Date,
    generation: u32,
) -> Option<Cause<'e>> {
    household.known.as_ref()?;
    if !cause.changes_data() {
        return Some(cause);
    }
    household.note_change(today, generation);
    // Rules that ask for the watch have changed with it, whatever the event is.
    let begins = household.watched_until == today.plus(WATCHED_DAYS);
    Some(if begins { Cause::Data } else { cause })
}

/// When a decision is made.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'m> {
    pub(crate) world: &'m World,
    pub(crate) at: Instant,
}

/// The rules that can have changed, and the watches of the others; without watches where a rule's
/// level depends on more than its date and what comes.
fn asked(
    book: &Rulebook,
    today: Date,
    case: &Case,
    cause: Cause<'_>,
    watches: Option<Watches>,
    left: u32,
) -> (Vec<Ask>, Option<Watches>) {
    let all = || book.all().iter().copied().map(Ask::whole).collect();
    // A quiet rule may be heard again at another quotient than the one last said.
    let quiet = case.standings.iter().any(|standing| standing.silence.is_some());
    if quiet {
        let reads = |id| book.reading(id).iter().filter(|slot| !book.on_event().contains(slot));
        let asked = |id| reads(id).chain(book.on_event()).copied().map(Ask::whole).collect();
        return (cause.type_id().map_or_else(all, asked), None);
    }
    let Some(mut watches) = watches.filter(|_| !matches!(cause, Cause::Data | Cause::Packs)) else {
        return (all(), Some(Watches::default()));
    };
    watches.spend(left);
    let Some(id) = cause.type_id() else {
        let due = watches.due(today).map(Ask::whole).collect();
        return (due, Some(watches));
    };
    // A rule that is decided only on events is decided on any, also on one that it does not read.
    let mut asks: Vec<Ask> = watches.lapsed(today).map(Ask::whole).collect();
    let lapsed = asks.len();
    for (slot, watch) in watches.of(book.reading(id)) {
        if asks[..lapsed].iter().any(|ask| ask.slot == slot) {
            continue;
        }
        asks.extend(ask(book, id, cause, slot, watch));
    }
    (asks, Some(watches))
}

/// Whether a rule that reads events of a type must be asked when such came.
fn ask(
    book: &Rulebook,
    id: TypeId,
    cause: Cause<'_>,
    slot: u16,
    watch: Option<&mut Watch>,
) -> Option<Ask> {
    let hears =
        || book.addition(id).is_some_and(|addition| addition.asks.binary_search(&slot).is_ok());
    let wakes = || book.wakes(slot, id, cause.fields(), matches!(cause, Cause::Restated(..)));
    let asked = match (cause, watch) {
        (Cause::Money(_, fen, _) | Cause::Restated(_, fen, _), Some(Watch { room, .. })) => {
            let goes = matches!(cause, Cause::Restated(..));
            let stays = room.pay(fen) && (room.eases || !goes);
            let heard = match room.hears {
                Hears::Nothing => false,
                Hears::Waking => hears() && wakes(),
                Hears::Asked => hears(),
            };
            return (!stays || heard).then_some(Ask { slot, money: !heard });
        }
        (Cause::Money(..) | Cause::Restated(..), None) => hears() && wakes(),
        (_, watch) if book.catalogue.get(id).area => watch.is_some_and(|w| !w.room.calm),
        (_, Some(Watch { room: Room { hears: Hears::Nothing, .. }, .. })) => false,
        (_, Some(Watch { room: Room { hears: Hears::Asked, .. }, .. })) => true,
        (_, Some(_) | None) => wakes(),
    };
    asked.then_some(Ask::whole(slot))
}

/// The first date on which a rule can stand otherwise; `due` was that before.
fn next(watches: Option<&Watches>, found: &[Found], cause: Cause<'_>, due: Date) -> Date {
    let until = || found.iter().map(|found| found.until).min().unwrap_or(Date::MAX);
    match watches {
        Some(watches) => watches.until(),
        None if cause.type_id().is_some() => due.min(until()),
        None => until(),
    }
}

/// Shows what the rules that were not asked show today: a held level may fall.
fn show_held(case: &mut Case, book: &Rulebook, found: &[Found], today: Date) {
    for standing in &mut case.standings {
        let slot = book.slot(standing.rule);
        if !found.iter().any(|found| Some(found.slot) == slot) {
            standing.find(standing.computed, today, standing.close_after);
        }
    }
}

/// Adds to what was found the rules whose material value is compared with another baseline now.
fn note_material(
    found: &mut Vec<Found>,
    case: &Case,
    desk: &Desk<'_>,
    watches: Option<&Watches>,
    grows: Grows,
) {
    for standing in &case.standings {
        let Some(slot) = desk.book.slot(standing.rule) else { continue };
        let holds = desk.holds(slot).0;
        if holds.is_none_or(|at| desk.rule(at).material.is_none()) {
            continue;
        }
        let at = found.iter().position(|found| found.slot == slot).unwrap_or_else(|| {
            let watch = watches.and_then(|watches| watches.get(slot));
            let (until, stays) = watch.map_or((Date::MAX, Date::MAX), |w| (w.until, w.stays));
            found.push(Found { slot, until, stays });
            found.len() - 1
        });
        found[at].until = found[at].until.min(grows.daily);
        found[at].stays = found[at].stays.min(grows.on_event);
    }
}

/// The first dates on which a material value can have grown past what was said, of rules decided each
/// day and of those decided only on events.
#[derive(Clone, Copy)]
pub(crate) struct Grows {
    pub(crate) daily: Date,
    pub(crate) on_event: Date,
}

/// Until when a rule stays as it was found unless something comes.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) slot: u16,
    /// The date from which it may stand otherwise.
    pub(crate) until: Date,
    /// The date from which an event may find it otherwise, whatever the event is.
    pub(crate) stays: Date,
}

impl Found {
    /// On this date its expressions may give something else.
    fn differs(&mut self, evaluate: Evaluate, date: Date) {
        let until = if evaluate == Evaluate::Daily { &mut self.until } else { &mut self.stays };
        *until = date.min(*until);
    }
}

struct Round<'r> {
    world: &'r World,
    household: &'r Household,
    case: &'r mut Case,
    cause: Cause<'r>,
    /// Whether a material value has grown.
    grown: bool,
}

impl Round<'_> {
    /// Decides a rule; tells until when its level and material value stay.
    fn rule(&mut self, slot: u16, desk: &mut Desk<'_>, failed: &mut Vec<u64>) -> Found {
        let book = desk.book;
        let id = book.id(slot);
        let (holds, boundary) = desk.holds(slot);
        let mut found = Found { slot, until: boundary, stays: Date::MAX };
        let standing = self.case.standings.iter().find(|s| s.rule == id).copied();
        let stands = standing.is_some();
        let Some(at) = holds else {
            if stands {
                // A rule no longer in force leaves at once, whatever its falls wait for.
                self.case.standing(id).find(Severity::None, desk.sight.today, 0);
            }
            return found;
        };
        let pack = book.pack(at);
        let days = i32::try_from(pack.close_after_days).unwrap_or(i32::MAX);
        let fresh = pack.evaluate == Evaluate::Daily || self.cause.changes_data();
        let level = if !fresh {
            // What it would be today was not looked at.
            found.stays = desk.sight.today;
            // A level that another pack's rule of this id gave is not this pack's.
            let own = standing.filter(|s| s.pack == book.pack_id(at));
            let then = kept_rule(self.world, self.household, desk.sight.known, id, pack);
            then.and(own).map_or(Severity::None, |s| s.computed)
        } else {
            let (pack, view, memo) = desk.pack(at.pack);
            let decision = pack.level(&pack.rules[usize::from(at.rule)], view, memo);
            if decision.failed > 0 {
                count_failed(failed, id.0, decision.failed);
            }
            found.differs(pack.evaluate, decision.until);
            decision.level
        };
        let (silence, sure) = stays(standing.and_then(|s| s.silence), level, at, fresh, desk);
        found.until = found.until.min(sure);
        if stands || level > Severity::None {
            let standing = self.case.standing(id);
            standing.silence = silence;
            standing.pack = book.pack_id(at);
            standing.find(level, desk.sight.today, days);
            let grows = self.material(id, at, desk);
            found.differs(pack.evaluate, grows);
        }
        found
    }

    /// Looks at the material value of a rule whose level has not changed; gives the first date on
    /// which it can have grown.
    fn material(&mut self, id: Word, at: RuleAt, desk: &mut Desk<'_>) -> Date {
        let Some(material) = desk.rule(at).material else { return Date::MAX };
        let standing = *self.case.standing(id);
        let (pack, view, memo) = desk.pack(at.pack);
        let daily = pack.evaluate == Evaluate::Daily;
        if standing.shown == Severity::None
            || standing.shown != standing.published
            || !(daily || self.cause.changes_data())
        {
            return Date::MAX;
        }
        let Some(baseline) = standing.baseline else { return Date::MAX };
        match pack.evaluate(material.value, view, memo) {
            Outcome::Number(number) => {
                self.grown |= number.value / material.step > baseline;
                grows(number, material.step, baseline, desk.sight.today).min(number.sure)
            }
            Outcome::Failed(failed) => failed.until,
            _ => Date::MAX,
        }
    }
}

/// The first date on which a number's quotient may be above the baseline.
pub(crate) fn grows(number: rules::Number, step: i64, baseline: i64, today: Date) -> Date {
    let later = if number.rise { number.until } else { Date::MAX };
    if number.slope > 0 {
        // Towards zero or from below it the quotient is harder to tell: look each day.
        let line = baseline.checked_add(1).and_then(|q| q.checked_mul(step));
        let gap = line.and_then(|line| line.checked_sub(number.value)).filter(|gap| *gap > 0);
        let days = gap.map_or(1, |gap| gap.saturating_add(number.slope - 1) / number.slope);
        let days = if baseline < 0 { 1 } else { i32::try_from(days).unwrap_or(i32::MAX) };
        let crossing = today.plus(days.max(1));
        let beyond = if crossing < number.until { crossing } else { number.until };
        return later.min(beyond);
    }
    if number.slope < 0 { later.min(number.until) } else { later }
}

/// For a rule decided only on events: the same pack's rule as of the last change of data, if it was
/// in force then.
pub(crate) fn kept_rule<'w>(
    world: &'w World,
    household: &Household,
    known: &Known,
    id: crate::words::Word,
    pack: &Pack,
) -> Option<(&'w Rulebook, RuleAt)> {
    let book = world.book(household.changed_under);
    let (at, _) = book.holds(book.slot(id)?, known.region, household.changed_on);
    let at = at?;
    let then = book.pack(at);
    (then.id == pack.id && then.evaluate == Evaluate::OnEvent).then_some((&**book, at))
}

fn count_failed(failed: &mut Vec<u64>, rule: u16, n: u8) {
    let at = usize::from(rule);
    if failed.len() <= at {
        failed.resize(at + 1, 0);
    }
    failed[at] += u64::from(n);
}
