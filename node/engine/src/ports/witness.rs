//! Who remembers what makers did.

use bitcoin::secp256k1::PublicKey;
use cambista_market::Lesson;
use cambista_market::fault::Fault;

/// Told of everything a taker learns of makers. Must not wait for anything: what it writes down, it writes down later.
pub trait Witness: Send + Sync + 'static {
    /// A maker did this.
    fn learn(&self, maker: &PublicKey, lesson: Lesson) {
        let _ = (maker, lesson);
    }

    /// A maker broke its word, and this is the proof.
    fn fault(&self, maker: &PublicKey, fault: Fault) {
        let _ = (maker, fault);
    }
}
