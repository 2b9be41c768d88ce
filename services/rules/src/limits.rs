//! Every limit of a pack, in one place.
//!
//! A pack beyond a limit is refused; nothing grows without one.

/// Bytes of a pack file.
pub const FILE_BYTES: usize = 8 << 20;
/// YAML values (scalars, lists and mappings) in a pack.
pub const YAML_NODES: usize = 2_500_000;
/// How deep YAML may be nested; the language itself needs 5.
pub const YAML_DEPTH: usize = 16;
/// Bytes of one expression.
pub const EXPR_BYTES: usize = 4 << 10;
/// How deep parentheses, calls, lists and signs may be nested in one expression.
pub const EXPR_DEPTH: usize = 32;
/// How many operators may hang one below another in one expression (long chains included).
pub const EXPR_CHAIN: usize = 256;
/// The same through all `let`s an expression uses.
pub const PROGRAM_CHAIN: usize = 512;
/// Facts of a pack.
pub const FACTS: usize = 1_000;
/// `let`s of a pack.
pub const LETS: usize = 1_000;
/// Rules of a pack.
pub const RULES: usize = 1_000;
/// Tables of a pack.
pub const TABLES: usize = 1_000;
/// Rows of all tables of a pack.
pub const TABLE_ROWS: usize = 200_000;
/// Event types that one pack may add.
pub const EVENT_TYPES: usize = 200;
/// Words of an enum field.
pub const ENUM_WORDS: usize = 200;
/// Lines of a toolbox.
pub const TOOLBOX: usize = 1_000;
/// Measures in one line of a toolbox.
pub const MEASURES: usize = 100;
/// Characters of a title.
pub const TITLE_CHARS: usize = 200;
/// Bytes of a `why` text.
pub const WHY_BYTES: usize = 2_000;
/// Operators, names and literals in all expressions of a pack.
pub const PROGRAM_NODES: usize = 200_000;
/// The least that is kept, in days, whatever a pack says.
pub const RETAIN_LEAST: u32 = 400;
/// The most days that `retain`, `over` and `close_after` may name: ten years.
pub const DAYS_MOST: u32 = 3_660;
/// The most months that `over` may name: ten years.
pub const MONTHS_MOST: u32 = 120;
/// Days in one list of a calendar.
pub const CALENDAR_DAYS: usize = 4_000;
/// Contradictions of a pack.
pub const CONTRADICTIONS: usize = 100;
/// How long closed rules stay quiet where a pack does not say, in days.
pub const QUIET_DAYS: i32 = 90;
