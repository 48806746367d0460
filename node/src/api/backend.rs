//! What the API needs of the node besides the engine. The daemon implements it.

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use cambista_engine::{MakerContact, MakerPolicy};
use cambista_protocol::words::Direction;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::types::{
    AskInvoice, Balance, Business, Channel, ConnectPeer, Invoice, KnownMaker, Limits, MakerDetail,
    NodeStatus, Offer, OffersQuery, OpenChannel, PayInvoice, Payment, Peer, Problem, Returning,
    SendCoins, SendPlan, Sent, WalletTransaction,
};

/// An answer to come.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Problem>>;

/// The node behind the API. Errors are [`Problem`]s: they say what happened, what it means for the money and, in
/// `next`, what to type. No method waits for another node without a bound.
pub trait Backend: Send + Sync + 'static {
    /// The network, for reading addresses.
    fn network(&self) -> Network;

    /// The owner's standing limits for swaps.
    fn limits(&self) -> Limits;

    /// Why nobody can be asked for a price, when this node knows nobody: with what to do about it.
    fn alone(&self) -> Option<Problem> {
        None
    }

    /// How the node is. Never waits for another node.
    fn status(&self) -> Answer<'_, NodeStatus>;

    /// The standing offers of the book, best first, own ones included.
    fn offers(&self, query: OffersQuery) -> Answer<'_, Vec<Offer>>;

    /// Whom to ask for quotes: the best `limit` makers of the book that take the amount (sat), never this node itself; only
    /// `maker` when given. Empty when there is none.
    fn makers(
        &self,
        direction: Direction,
        amount_sat: u64,
        maker: Option<PublicKey>,
        limit: usize,
    ) -> Answer<'_, Vec<MakerContact>>;

    /// When (Unix seconds) the first of the makers that take the amount (sat), and are left alone because they have just
    /// failed, is asked again; none when there is no such maker.
    fn resting_until(&self, direction: Direction, amount_sat: u64) -> Option<u64> {
        let _ = (direction, amount_sat);
        None
    }

    /// Stores the maker's business, gives it to the engine and announces it (or withdraws the offer).
    fn set_maker(&self, policy: MakerPolicy) -> Answer<'_, ()>;

    /// What the maker's business offers now and has brought.
    fn business(&self) -> Answer<'_, Business>;

    /// Makers this node has a record or an offer of, those it did most swaps with first.
    fn known_makers(&self) -> Answer<'_, Vec<KnownMaker>>;

    /// One of them by its key or an unambiguous beginning of it (hex), with the proofs against it.
    fn known_maker(&self, id: String) -> Answer<'_, MakerDetail>;

    /// The Lightning channels.
    fn channels(&self) -> Answer<'_, Vec<Channel>>;

    /// Coins on their way back from closed channels.
    fn returning(&self) -> Answer<'_, Vec<Returning>>;

    /// Opens a channel; the answer is its id (hex), once its funding is on its way.
    fn open_channel(&self, open: OpenChannel) -> Answer<'_, String>;

    /// Begins to close the channel with this id or unambiguous beginning of it (hex); with the other side's help, or
    /// alone when `force`.
    fn close_channel(&self, id: String, force: bool) -> Answer<'_, ()>;

    /// Peers of both kinds.
    fn peers(&self) -> Answer<'_, Vec<Peer>>;

    /// Connects to a peer of either kind and remembers it.
    fn connect(&self, peer: ConnectPeer) -> Answer<'_, ()>;

    /// A fresh address of the wallet.
    fn new_address(&self) -> Answer<'_, String>;

    /// The money.
    fn balance(&self) -> Answer<'_, Balance>;

    /// Sends coins of the wallet; that exactly one of amount and all is given and the address is of this network is
    /// checked by the API, once more here by its type.
    fn send(&self, send: SendCoins) -> Answer<'_, Sent>;

    /// What [`Backend::send`] would do and cost now; nothing is sent or set aside.
    fn plan_send(&self, send: SendCoins) -> Answer<'_, SendPlan>;

    /// The wallet's transactions, newest first.
    fn history(&self) -> Answer<'_, Vec<WalletTransaction>>;

    /// An invoice whose payment is taken in by itself.
    fn invoice(&self, ask: AskInvoice) -> Answer<'_, Invoice>;

    /// Begins to pay an invoice and answers at once; one that is under way or paid is not paid again.
    fn pay(&self, pay: PayInvoice) -> Answer<'_, Payment>;

    /// The newest payments of invoices, newest first.
    fn payments(&self) -> Answer<'_, Vec<Payment>>;

    /// The payment with this hash.
    fn payment(&self, hash: [u8; 32]) -> Answer<'_, Payment>;

    /// Counts up with every payment that ends.
    fn payment_changes(&self) -> watch::Receiver<u64>;

    /// Begins to stop the node in good order; answers at once.
    fn stop(&self);
}
