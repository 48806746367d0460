//! Answers that are none.

use super::random;
use super::wire::Frame;

/// Makes of an answer what goes onto the wire instead.
pub(crate) type Garble = fn(Vec<u8>) -> Frame;

/// Ten mebibytes.
const HUGE: usize = 10 << 20;

/// Every way that ends at once.
pub(crate) const AT_ONCE: [(&str, Garble); 3] = [
    ("noise", |_| {
        Frame::of((0..8).flat_map(|_| random()).collect())
    }),
    ("the first half", |answer| {
        Frame::of(answer[..answer.len() / 2].to_vec())
    }),
    ("ten mebibytes", |_| Frame::of(vec![0; HUGE])),
];

/// Half of it, and then nothing more for ever.
pub(crate) const STALLS: Garble = |answer| {
    let announced = u32::try_from(answer.len()).unwrap();
    Frame::half(announced, answer[..answer.len() / 2].to_vec())
};
