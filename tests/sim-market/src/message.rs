//! Offers under way.

/// Whose offer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A maker everybody knows announces again.
    Renewal,
    /// A maker's first.
    First,
    /// The same for those that have not heard it, with as much work as they want.
    Strong,
    /// Made up, with its work.
    Worked,
    /// Holds no check.
    Garbage,
}

/// One offer and who has seen it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    /// Of its work.
    pub(crate) grade: u8,
    pub(crate) sent: u64,
    seen: Box<[u64]>,
    has: Box<[u64]>,
    /// When each node came to have it, in milliseconds after it was sent; kept of honest offers only.
    pub(crate) delays: Vec<u32>,
}

const fn place(node: u32) -> (usize, u64) {
    ((node / 64) as usize, 1 << (node % 64))
}

impl Message {
    pub(crate) fn new(kind: Kind, grade: u8, sent: u64, nodes: u32) -> Self {
        let words = (nodes as usize).div_ceil(64);
        Self {
            kind,
            grade,
            sent,
            seen: vec![0; words].into(),
            has: vec![0; words].into(),
            delays: Vec::new(),
        }
    }

    /// Forgets who has it; whoever is asked later has seen it.
    pub(crate) fn forget(&mut self) {
        self.seen = Box::default();
        self.has = Box::default();
    }

    /// Whether a node has seen it before; it has now.
    pub(crate) fn see(&mut self, node: u32) -> bool {
        let (word, bit) = place(node);
        let Some(seen) = self.seen.get_mut(word) else {
            return true;
        };
        let before = *seen & bit != 0;
        *seen |= bit;
        before
    }

    pub(crate) fn seen(&self, node: u32) -> bool {
        let (word, bit) = place(node);
        self.seen.get(word).is_none_or(|seen| seen & bit != 0)
    }

    /// A node took it into its book.
    pub(crate) fn take(&mut self, node: u32, at: u64) {
        let (word, bit) = place(node);
        if let Some(has) = self.has.get_mut(word) {
            *has |= bit;
        }
        if matches!(self.kind, Kind::Renewal | Kind::First | Kind::Strong) {
            let delay = u32::try_from((at - self.sent) / 1_000).unwrap_or(u32::MAX);
            self.delays.push(delay);
        }
    }

    pub(crate) fn has(&self, node: u32) -> bool {
        let (word, bit) = place(node);
        self.has.get(word).is_some_and(|has| has & bit != 0)
    }
}
