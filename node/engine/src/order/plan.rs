//! Looking for the cheapest way to cover an amount: guesses from offers, firm quotes for what the guess needs, a better
//! guess from the quotes, until every part of the best way is firm.

use std::collections::{BTreeMap, HashMap, HashSet};

use bitcoin::Amount;
use bitcoin::secp256k1::PublicKey;
use cambista_market::plan::{Curve, Firm, combine, split};
use cambista_protocol::words::Direction;

use super::record::OrderWish;
use crate::handle::{AskAmount, AskFor, EngineError, EngineHandle, MakerContact, NoQuote, Quotes};
use crate::ports::{MakerOffer, Makers, Wanted};
use crate::view::QuoteView;

/// So many makers are asked for the whole amount.
const MAKERS_ASKED: usize = 8;
/// How often the guess is made better at most.
const GUESSES: usize = 4;
/// The smallest part of a split (sat): less would hardly survive being held, and its fees would eat it.
const LEAST_PART: u64 = 20_000;
/// A quote may be above its offer by such a part of it ...
const PRICE_ROOM: u64 = 10;
/// ... and by what the maker's own part on the chain costs now, so many times.
const CHAIN_ROOM: u64 = 2;
/// The chance that a prepay is lost, as it counts in comparing quotes (millionths).
const PREPAY_RISK_PPM: u64 = 10_000;

/// What is to be covered now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Covering<'a> {
    /// What the user wishes.
    pub(crate) wish: &'a OrderWish,
    /// How much of it (sat).
    pub(crate) amount_sat: u64,
    /// By so many swaps at most.
    pub(crate) max_parts: usize,
    /// Makers that are not asked.
    pub(crate) except: &'a [PublicKey],
    /// Quotes that may lock money longer are left out (blocks).
    pub(crate) max_locked: Option<u32>,
    /// Quotes that may lose more are left out (sat).
    pub(crate) max_loss: Option<u64>,
}

/// What the makers answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// Firm quotes for all of it, the one expected to cost least first.
    pub(crate) whole: Vec<QuoteView>,
    /// Every firm quote, for whatever part.
    pub(crate) firm: Vec<QuoteView>,
    /// Who gave none.
    pub(crate) refused: Vec<NoQuote>,
    /// The cheapest way to cover it.
    pub(crate) best: Vec<QuoteView>,
    /// Whether any maker offers any part of it.
    pub(crate) offered: bool,
    /// How many could cover it together, as far as offers tell; 1 when one can alone, 0 when all cannot.
    pub(crate) needed: usize,
}

/// What a quote is expected to cost all in, with what may go wrong (sat).
pub(crate) fn all_in(quote: &QuoteView) -> i64 {
    let risk = quote.prepay_sat.saturating_mul(PREPAY_RISK_PPM) / 1_000_000;
    quote
        .total_sat
        .saturating_add_unsigned(risk)
        .saturating_add_unsigned(quote.failure_cost_sat)
}

/// Asks whoever is worth asking and chooses.
///
/// # Errors
/// When the amount cannot be meant, nothing can begin now or the engine has stopped.
pub(crate) async fn cover(
    engine: &EngineHandle,
    makers: &dyn Makers,
    covering: Covering<'_>,
) -> Result<Answers, EngineError> {
    let newcomers_turn = makers.newcomers_turn();
    let wanted = Wanted {
        direction: covering.wish.direction,
        amount_sat: covering.amount_sat,
        max_parts: covering.max_parts,
        only: &covering.wish.makers,
        except: covering.except,
        limit: MAKERS_ASKED,
        newcomers_turn,
    };
    let offers = makers
        .candidates(&wanted)
        .map_err(|why| EngineError::Unavailable(why.to_string()))?;
    let mut table = Table::new(covering, makers, offers, newcomers_turn);
    let mut next = table.first();
    for _ in 0..GUESSES {
        if next.is_empty() {
            break;
        }
        let rounds = ask(engine, &table, &next).await?;
        for (amount_sat, quotes) in rounds {
            table.take(amount_sat, quotes);
        }
        next = table.further();
    }
    Ok(table.choose())
}

/// One round: every amount is asked for at once, each from its makers.
async fn ask(
    engine: &EngineHandle,
    table: &Table<'_>,
    wanted: &[(usize, u64)],
) -> Result<Vec<(u64, Quotes)>, EngineError> {
    let mut by_amount: BTreeMap<u64, Vec<MakerContact>> = BTreeMap::new();
    for (maker, amount_sat) in wanted {
        if let Some(known) = table.makers.get(*maker) {
            by_amount
                .entry(*amount_sat)
                .or_default()
                .push(known.offer.contact.clone());
        }
    }
    let wish = table.covering.wish;
    let mut asking = tokio::task::JoinSet::new();
    for (amount_sat, contacts) in by_amount {
        let amount = Amount::from_sat(amount_sat);
        let ask = AskFor {
            direction: wish.direction,
            amount: if wish.receive {
                AskAmount::Receive(amount)
            } else {
                AskAmount::Swap(amount)
            },
            destination: wish.destination.clone(),
            external: wish.external,
        };
        let engine = engine.clone();
        asking.spawn(async move { (amount_sat, engine.quotes(ask, contacts).await) });
    }
    let mut rounds = Vec::new();
    while let Some(answer) = asking.join_next().await {
        let (amount_sat, quotes) = answer.map_err(|_| EngineError::Stopped)?;
        rounds.push((amount_sat, quotes?));
    }
    Ok(rounds)
}

/// A maker and what is known of its prices so far.
struct Known {
    offer: MakerOffer,
    curve: Curve,
}

/// Everything known in one search.
struct Table<'a> {
    covering: Covering<'a>,
    port: &'a dyn Makers,
    makers: Vec<Known>,
    places: HashMap<String, usize>,
    asked: HashSet<(usize, u64)>,
    /// Whether one that was asked for all of it kept to its offer.
    kept: bool,
    /// The last guess.
    last: Vec<(usize, u64)>,
    newcomers_turn: bool,
    answers: Answers,
}

impl<'a> Table<'a> {
    fn new(
        covering: Covering<'a>,
        port: &'a dyn Makers,
        offers: Vec<MakerOffer>,
        newcomers_turn: bool,
    ) -> Self {
        let chain = port.chain_cost(covering.wish.direction);
        let share = covering.amount_sat / u64::try_from(covering.max_parts.max(1)).unwrap_or(1);
        let makers: Vec<Known> = offers
            .into_iter()
            .map(|offer| {
                let maker = &offer.contact.node_id;
                let failing = port.failure_cost(maker, share, newcomers_turn);
                let dearer = i32::try_from(port.dearer_ppm(maker)).unwrap_or(i32::MAX);
                let fixed = offer.price.base_sat.saturating_add(chain);
                let fixed = fixed.saturating_add(failing);
                Known {
                    curve: Curve {
                        fixed_sat: i64::try_from(fixed).unwrap_or(i64::MAX),
                        ppm: offer.price.ppm.saturating_add(dearer),
                        min_sat: offer.min_sat.max(LEAST_PART),
                        max_sat: offer.max_sat,
                    },
                    offer,
                }
            })
            .collect();
        let places = makers
            .iter()
            .enumerate()
            .map(|(place, known)| (known.offer.contact.node_id.to_string(), place))
            .collect();
        Self {
            answers: Answers {
                offered: !makers.is_empty(),
                ..Answers::default()
            },
            covering,
            port,
            makers,
            places,
            asked: HashSet::new(),
            kept: false,
            last: Vec::new(),
            newcomers_turn,
        }
    }

    /// Whom to ask to begin with, and for how much each.
    fn first(&mut self) -> Vec<(usize, u64)> {
        let mut first = self.whole();
        self.last = self.guess();
        self.answers.needed = self.last.len();
        first.extend(&self.last);
        self.not_asked(first)
    }

    /// Whom to ask with the answers known so far.
    fn further(&mut self) -> Vec<(usize, u64)> {
        self.last = self.guess();
        let mut next = self.last.clone();
        next.extend(self.instead());
        self.not_asked(next)
    }

    fn not_asked(&mut self, mut wanted: Vec<(usize, u64)>) -> Vec<(usize, u64)> {
        wanted.retain(|asked| self.asked.insert(*asked));
        wanted
    }

    /// The next makers to be asked for all of it, while nobody that was asked has kept to its offer: whoever promises what it
    /// does not keep hides nobody. None where nobody was asked for all of it.
    fn instead(&self) -> Vec<(usize, u64)> {
        let amount = self.covering.amount_sat;
        if self.kept || !self.asked.iter().any(|(_, asked)| *asked == amount) {
            return Vec::new();
        }
        self.whole()
    }

    /// The makers to be asked for all of it that were not, in the order they were given: who comes first is not decided by
    /// promises alone. One that was named is asked whatever it offers: it may refuse itself.
    fn whole(&self) -> Vec<(usize, u64)> {
        let amount = self.covering.amount_sat;
        let named = !self.covering.wish.makers.is_empty();
        self.makers
            .iter()
            .enumerate()
            .filter(|(place, _)| !self.asked.contains(&(*place, amount)))
            .filter(|(_, known)| {
                named || (known.offer.min_sat..=known.offer.max_sat).contains(&amount)
            })
            .take(MAKERS_ASKED)
            .map(|(place, _)| (place, amount))
            .collect()
    }

    /// The cheapest way as far as is known, if it takes more than one maker or one that was not asked.
    fn guess(&self) -> Vec<(usize, u64)> {
        // An exact amount to receive has no parts.
        if self.covering.wish.receive {
            return Vec::new();
        }
        // The planner looks at a few: those that would be cheapest for an even share.
        let even =
            self.covering.amount_sat / u64::try_from(self.covering.max_parts.max(1)).unwrap_or(1);
        let mut places: Vec<(i128, usize)> = self
            .makers
            .iter()
            .enumerate()
            .filter(|(_, known)| known.curve.max_sat > 0)
            .map(|(place, known)| {
                let part = even.clamp(
                    known.curve.min_sat,
                    known.curve.max_sat.max(known.curve.min_sat),
                );
                let share = i128::from(known.curve.ppm) * i128::from(part);
                let cost = i128::from(known.curve.fixed_sat) * 1_000_000 + share;
                // What it charges for each satoshi, so that small offers do not look cheap.
                (cost / i128::from(part.max(1)), place)
            })
            .collect();
        places.sort_unstable();
        let curves: Vec<Curve> = places
            .iter()
            .filter_map(|(_, place)| self.makers.get(*place))
            .map(|known| known.curve)
            .collect();
        let shares = split(&curves, self.covering.amount_sat, self.covering.max_parts);
        shares
            .unwrap_or_default()
            .into_iter()
            .filter_map(|share| Some((places.get(share.curve)?.1, share.amount_sat)))
            .collect()
    }

    /// Takes the answers for an amount in: the next guess knows them.
    fn take(&mut self, amount_sat: u64, answered: Quotes) {
        for mut quote in answered.quotes {
            let Some(place) = self.places.get(&quote.maker).copied() else {
                continue;
            };
            if let Some(reason) = self.unwanted(&quote) {
                self.lower(place, 0);
                self.answers.refused.push(NoQuote {
                    maker: quote.maker,
                    reason,
                    answered: true,
                });
                continue;
            }
            let dearer_ppm = self.learn_price(place, &quote);
            self.kept |= dearer_ppm == Some(0) && amount_sat == self.covering.amount_sat;
            if let Some(known) = self.makers.get_mut(place) {
                let maker = &known.offer.contact.node_id;
                let turn = self.newcomers_turn;
                quote.failure_cost_sat = self.port.failure_cost(maker, quote.amount_sat, turn);
                let share = i128::from(known.curve.ppm) * i128::from(quote.amount_sat) / 1_000_000;
                let fixed = i128::from(all_in(&quote)) - share;
                known.curve.fixed_sat = i64::try_from(fixed).unwrap_or(i64::MAX);
            }
            self.answers.firm.push(quote);
        }
        for none in answered.refused {
            if let Some(place) = self.places.get(&none.maker).copied() {
                // It may still have room for a smaller part.
                self.lower(place, if none.answered { amount_sat / 2 } else { 0 });
            }
            self.answers.refused.push(none);
        }
    }

    /// How far a quote is above what the maker offers to everybody (millionths of its amount), which is remembered of it. None
    /// where the offer does not say what is asked.
    fn learn_price(&self, place: usize, quote: &QuoteView) -> Option<u32> {
        let offer = &self.makers.get(place)?.offer;
        let within = (offer.min_sat..=offer.max_sat).contains(&quote.amount_sat);
        if quote.external || !within {
            return None;
        }
        let offered = offer.price.fee(Amount::from_sat(quote.amount_sat))?;
        let room = offered.unsigned_abs() / PRICE_ROOM;
        // What fees rose since it was announced is not its doing; with several coins a little more. Its part on the chain is
        // the other direction's taker's.
        let chain = self.port.chain_cost(match self.covering.wish.direction {
            Direction::Out => Direction::In,
            Direction::In => Direction::Out,
        });
        let room = room.saturating_add(chain.saturating_mul(CHAIN_ROOM));
        let most = offered.saturating_add_unsigned(room);
        let above = quote
            .maker_fee_sat
            .saturating_sub(most)
            .max(0)
            .unsigned_abs();
        let share = u128::from(above) * 1_000_000;
        let ppm = share.div_ceil(u128::from(quote.amount_sat.max(1)));
        let ppm = u32::try_from(ppm).unwrap_or(u32::MAX);
        self.port.priced(&offer.contact.node_id, ppm);
        Some(ppm)
    }

    /// Why a quote is left out although it is good.
    fn unwanted(&self, quote: &QuoteView) -> Option<String> {
        let locked = self.covering.max_locked;
        if let Some(limit) = locked.filter(|limit| quote.locked_blocks > *limit) {
            return Some(format!(
                "it could lock money for {} blocks, {limit} were agreed to; left out",
                quote.locked_blocks
            ));
        }
        let loss = self.covering.max_loss;
        // With tighter limits a swap on chain could lose less: those are shared out later.
        let least = match quote.direction.as_str() {
            "out" => quote.prepay_sat,
            _ => quote.least_miner_fee_sat.saturating_mul(2),
        };
        loss.filter(|limit| least > *limit).map(|limit| {
            format!("failing could cost {least} sat, {limit} sat are left of what was agreed to; left out")
        })
    }

    fn lower(&mut self, place: usize, max_sat: u64) {
        if let Some(known) = self.makers.get_mut(place) {
            known.curve.max_sat = known.curve.max_sat.min(max_sat);
        }
    }

    fn choose(mut self) -> Answers {
        let mut answers = std::mem::take(&mut self.answers);
        let wish = self.covering.wish;
        let amount = self.covering.amount_sat;
        let by_cost = |a: &QuoteView, b: &QuoteView| {
            (all_in(a), a.total_sat, &a.id).cmp(&(all_in(b), b.total_sat, &b.id))
        };
        answers.firm.sort_by(by_cost);
        answers.whole = answers
            .firm
            .iter()
            .filter(|quote| wish.receive || quote.amount_sat == amount)
            .cloned()
            .collect();
        answers.best = if wish.receive {
            answers.whole.first().cloned().into_iter().collect()
        } else {
            let firms: Vec<Firm> = answers
                .firm
                .iter()
                .map(|quote| Firm {
                    maker: self.places.get(&quote.maker).copied().unwrap_or(usize::MAX),
                    amount_sat: quote.amount_sat,
                    cost_sat: all_in(quote),
                })
                .collect();
            // The guess that was made firm is good already, wherever the search gets to.
            let guessed: Option<Vec<usize>> = self
                .last
                .iter()
                .map(|(maker, sat)| {
                    let same = |firm: &Firm| (firm.maker, firm.amount_sat) == (*maker, *sat);
                    firms.iter().position(same)
                })
                .collect();
            combine(&firms, amount, self.covering.max_parts, guessed.as_deref())
                .unwrap_or_default()
                .into_iter()
                .filter_map(|i| answers.firm.get(i).cloned())
                .collect()
        };
        // Once with each maker is enough: the newest reason.
        let mut seen = HashSet::new();
        let quoted: HashSet<String> = answers.whole.iter().map(|q| q.maker.clone()).collect();
        answers.refused.reverse();
        answers
            .refused
            .retain(|none| !quoted.contains(&none.maker) && seen.insert(none.maker.clone()));
        answers.refused.reverse();
        answers
    }
}

#[cfg(test)]
mod tests;
