//! Random well-typed expressions, the same for the same seed.

/// The numbers an expression may name.
pub(crate) const INTS: [&str; 4] = ["i0", "i1", "i2", "i3"];
/// The truths it may name.
pub(crate) const BOOLS: [&str; 2] = ["b0", "b1"];
/// The strings it may name.
pub(crate) const TEXTS: [&str; 2] = ["s0", "s1"];
/// The strings themselves.
pub(crate) const WORDS: [&str; 4] = ["", "a", "ab", "中"];

/// A small generator (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    /// Mostly small numbers, sometimes those at the edge.
    pub(crate) fn number(&mut self) -> i64 {
        match self.below(16) {
            0 => self.pick(&[i64::MIN, i64::MAX, i64::MIN + 1, 1 << 61, -(1 << 61)]),
            1 => 0,
            2 => self.pick(&[-1, 1]),
            _ => i64::try_from(self.below(120)).unwrap() - 40,
        }
    }

    pub(crate) fn int(&mut self, depth: u32) -> String {
        if depth == 0 || self.below(5) == 0 {
            return if self.below(3) == 0 {
                self.number().to_string()
            } else {
                self.pick(&INTS).to_owned()
            };
        }
        let d = depth - 1;
        match self.below(10) {
            0 => format!("-({})", self.int(d)),
            1 => format!("min({}, {})", self.int(d), self.int(d)),
            2 => format!("max({}, {})", self.int(d), self.int(d)),
            3 => format!("({} ? {} : {})", self.bool(d), self.int(d), self.int(d)),
            _ => {
                let op = self.pick(&["+", "-", "*", "/", "%", "+", "-"]);
                format!("({} {op} {})", self.int(d), self.int(d))
            }
        }
    }

    pub(crate) fn bool(&mut self, depth: u32) -> String {
        if depth == 0 {
            let literal = self.pick(&["true", "false"]);
            return if self.below(6) == 0 { literal } else { self.pick(&BOOLS) }.to_owned();
        }
        let d = depth - 1;
        match self.below(12) {
            0 => format!("!({})", self.bool(d)),
            1 | 2 => format!("({} && {})", self.bool(d), self.bool(d)),
            3 | 4 => format!("({} || {})", self.bool(d), self.bool(d)),
            5 => format!("({} ? {} : {})", self.bool(d), self.bool(d), self.bool(d)),
            6 => format!("({} in [{}, {}])", self.int(d), self.int(d), self.int(d)),
            7 => format!("({} in [{}, {}])", self.text(d), self.text(d), self.text(d)),
            8 => {
                let op = self.pick(&["==", "!=", "<", "<=", ">", ">="]);
                format!("({} {op} {})", self.text(d), self.text(d))
            }
            9 => {
                let op = self.pick(&["==", "!="]);
                format!("({} {op} {})", self.bool(d), self.bool(d))
            }
            _ => {
                let op = self.pick(&["==", "!=", "<", "<=", ">", ">="]);
                format!("({} {op} {})", self.int(d), self.int(d))
            }
        }
    }

    pub(crate) fn text(&mut self, depth: u32) -> String {
        if depth == 0 || self.below(4) > 0 {
            return match self.below(3) {
                0 => format!("\"{}\"", self.pick(&WORDS)),
                _ => self.pick(&TEXTS).to_owned(),
            };
        }
        let d = depth - 1;
        format!("({} ? {} : {})", self.bool(d), self.text(d), self.text(d))
    }
}

/// A pack with the facts that expressions name and these as `let`s (`e0`, `e1`…) and, of the
/// conditions, one fact each with it as `where` (`w0`, `w1`…).
pub(crate) fn pack(lets: &[String], filters: &[String]) -> String {
    let mut out = String::from(
        "pack: random\nscope: 99\neffective: {from: 2026-01-01}\nevent_types:\n  x.y:\n    fields: {",
    );
    for (names, kind) in [(&INTS[..], "int"), (&BOOLS[..], "bool"), (&TEXTS[..], "text")] {
        names.iter().for_each(|name| out += &format!("{name}: {{kind: {kind}}}, "));
    }
    out += "}\nfacts:\n";
    for name in INTS.iter().chain(&BOOLS).chain(&TEXTS) {
        out += &format!("  {name}: {{last: x.y.{name}}}\n");
    }
    for (i, filter) in filters.iter().enumerate() {
        out += &format!("  w{i}: {{count: x.y, where: '{filter}'}}\n");
    }
    out += "let:\n";
    for (i, text) in lets.iter().enumerate() {
        out += &format!("  e{i}: '{text}'\n");
    }
    out
}
