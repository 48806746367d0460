//! The methods we use, typed.

use std::time::Duration;

use bitcoin::consensus::encode;
use bitcoin::{Amount, Block, BlockHash, FeeRate, Network, OutPoint, Transaction, TxOut, Txid};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::code;
use super::{Rpc, RpcError, zmq};

/// How much later than asked for the answer to a long question may be.
const LATE: Duration = Duration::from_secs(5);

/// What `getblockchaininfo` says.
#[derive(Clone, Debug, Deserialize)]
pub struct ChainInfo {
    /// bitcoind's name of its network.
    pub chain: String,
    /// Height of its best validated block.
    pub blocks: u32,
    /// Height of the best header it knows.
    pub headers: u32,
    /// Hash of its best validated block.
    #[serde(rename = "bestblockhash")]
    pub best_block_hash: BlockHash,
    /// Whether it is still catching up for the first time.
    #[serde(rename = "initialblockdownload")]
    pub initial_block_download: bool,
}

impl ChainInfo {
    /// The network, if the name is one we know.
    pub fn network(&self) -> Option<Network> {
        Network::from_core_arg(&self.chain).ok()
    }
}

/// What `getblockheader` says about one block.
#[derive(Clone, Debug, Deserialize)]
pub struct HeaderInfo {
    /// The block's hash.
    pub hash: BlockHash,
    /// Its height.
    pub height: u32,
    /// Its header time, seconds since the epoch.
    pub time: u32,
    /// Blocks on top of it plus one; -1 when it is not in the best chain.
    pub confirmations: i64,
    /// Its parent; absent for the genesis block.
    #[serde(rename = "previousblockhash")]
    pub previous: Option<BlockHash>,
    /// Its child in the best chain.
    #[serde(rename = "nextblockhash")]
    pub next: Option<BlockHash>,
}

impl HeaderInfo {
    /// Whether the block is part of the best chain.
    pub fn in_best_chain(&self) -> bool {
        self.confirmations >= 0
    }
}

/// The fee floors `getmempoolinfo` names.
#[derive(Clone, Copy, Debug)]
pub struct FeeInfo {
    /// Below this nothing enters the mempool now.
    pub mempool_min: FeeRate,
    /// The lowest [`FeeInfo::mempool_min`] ever is: it lies above while the mempool is full.
    pub relay_min: FeeRate,
    /// A replacement pays at least this on its own size more than what it replaces.
    pub incremental: FeeRate,
}

/// `testmempoolaccept` for one transaction.
#[derive(Clone, Debug, Deserialize)]
pub struct MempoolVerdict {
    /// Whether it would be accepted. Absent when an earlier one of the same package already failed.
    pub allowed: Option<bool>,
    /// Why not.
    #[serde(rename = "reject-reason")]
    pub reject_reason: Option<String>,
}

/// `gettxspendingprevout` for one outpoint.
#[derive(Clone, Debug, Deserialize)]
pub struct PrevoutSpend {
    /// The outpoint asked for.
    pub txid: Txid,
    /// The outpoint asked for.
    pub vout: u32,
    /// The mempool transaction that spends it, if any.
    #[serde(rename = "spendingtxid")]
    pub spender: Option<Txid>,
}

#[derive(Deserialize)]
struct FeeEstimate {
    #[serde(
        default,
        rename = "feerate",
        with = "bitcoin::amount::serde::as_btc::opt"
    )]
    per_kvb: Option<Amount>,
}

#[derive(Deserialize)]
struct MempoolInfo {
    #[serde(rename = "mempoolminfee", with = "bitcoin::amount::serde::as_btc")]
    min: Amount,
    #[serde(rename = "minrelaytxfee", with = "bitcoin::amount::serde::as_btc")]
    relay: Amount,
    #[serde(
        default,
        rename = "incrementalrelayfee",
        with = "bitcoin::amount::serde::as_btc::opt"
    )]
    incremental: Option<Amount>,
}

#[derive(Deserialize)]
struct UnspentInfo {
    #[serde(with = "bitcoin::amount::serde::as_btc")]
    value: Amount,
    #[serde(rename = "scriptPubKey")]
    script: UnspentScript,
}

#[derive(Deserialize)]
struct UnspentScript {
    hex: bitcoin::ScriptBuf,
}

#[derive(Deserialize)]
struct Publisher {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

#[derive(Deserialize)]
struct PackageAnswer {
    package_msg: String,
    #[serde(default, rename = "tx-results")]
    results: std::collections::BTreeMap<String, PackageTx>,
}

#[derive(Deserialize)]
struct PackageTx {
    #[serde(default)]
    error: Option<String>,
}

/// An amount per 1000 vB as a fee rate, rounded up.
fn rate_per_kvb(fee: Amount) -> FeeRate {
    FeeRate::from_sat_per_kwu(fee.to_sat().div_ceil(4))
}

/// Decodes hex of a consensus encoding.
fn decode<T: encode::Decodable>(method: &str, hex: &str) -> Result<T, RpcError> {
    encode::deserialize_hex(hex).map_err(|err| RpcError::Malformed {
        method: method.to_owned(),
        reason: err.to_string(),
    })
}

impl Rpc {
    /// Network, height and sync state.
    ///
    /// # Errors
    /// See [`RpcError`], as for every method here.
    pub async fn chain_info(&self) -> Result<ChainInfo, RpcError> {
        self.call("getblockchaininfo", json!([])).await
    }

    /// Hash of the best validated block.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn best_block_hash(&self) -> Result<BlockHash, RpcError> {
        self.call("getbestblockhash", json!([])).await
    }

    /// Returns when the best block is another than `known`, or after `wait`. Without `known`, which older versions of
    /// bitcoind do not take, a block that arrives just before the call is not noticed.
    ///
    /// # Errors
    /// See [`RpcError`]; [`RpcError::is_usage`] when it does not take `known`.
    pub async fn wait_for_new_block(
        &self,
        wait: Duration,
        known: Option<&BlockHash>,
    ) -> Result<(), RpcError> {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let params = match known {
            Some(known) => json!([millis, known]),
            None => json!([millis]),
        };
        // A bitcoind that is ending may take the question and never answer it: blocks must not wait as long as for a call.
        let asked = self.call::<Value>("waitfornewblock", params);
        match tokio::time::timeout(wait.saturating_add(LATE), asked).await {
            Ok(answer) => answer.map(|_| ()),
            Err(_) => {
                Err(self
                    .unreachable("it did not say in time that there is no new block".to_owned()))
            }
        }
    }

    /// Hash of the best chain's block at this height.
    ///
    /// # Errors
    /// See [`RpcError`]; code -8 when the chain is not that high.
    pub async fn block_hash(&self, height: u32) -> Result<BlockHash, RpcError> {
        self.call("getblockhash", json!([height])).await
    }

    /// Place of a block in the chain, stale blocks included.
    ///
    /// # Errors
    /// See [`RpcError`]; [`RpcError::is_not_found`] when bitcoind never saw the block.
    pub async fn header(&self, hash: &BlockHash) -> Result<HeaderInfo, RpcError> {
        self.call("getblockheader", json!([hash])).await
    }

    /// A whole block.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn block(&self, hash: &BlockHash) -> Result<Block, RpcError> {
        let hex: String = self.call("getblock", json!([hash, 0])).await?;
        decode("getblock", &hex)
    }

    /// Hands a transaction to bitcoind for its mempool and the network.
    ///
    /// # Errors
    /// See [`RpcError`]; bitcoind's reason when it refuses.
    pub async fn send_raw_transaction(&self, tx: &Transaction) -> Result<Txid, RpcError> {
        self.call("sendrawtransaction", json!([encode::serialize_hex(tx)]))
            .await
    }

    /// As [`Rpc::send_raw_transaction`], whatever it pays: bitcoind refuses what pays over 10,000 sat/vB (`maxfeerate`) to
    /// keep people from a slip of the hand, but who loses more than that by waiting means it.
    ///
    /// # Errors
    /// As there.
    pub async fn send_at_any_rate(&self, tx: &Transaction) -> Result<Txid, RpcError> {
        self.call("sendrawtransaction", json!([encode::serialize_hex(tx), 0]))
            .await
    }

    /// Hands over a child with its parents, parents first, whatever they pay.
    ///
    /// # Errors
    /// See [`RpcError`]; bitcoind's first reason when any of them is refused.
    pub async fn submit_package(&self, txs: &[&Transaction]) -> Result<(), RpcError> {
        let hex: Vec<String> = txs.iter().map(|tx| encode::serialize_hex(*tx)).collect();
        let answer: PackageAnswer = match self.call("submitpackage", json!([hex, 0])).await {
            // An older bitcoind knows one argument only.
            Err(error) if error.is_usage() => self.call("submitpackage", json!([hex])).await?,
            answer => answer?,
        };
        if answer.package_msg == "success" {
            return Ok(());
        }
        let message = answer
            .results
            .into_values()
            .find_map(|tx| tx.error)
            .unwrap_or(answer.package_msg);
        Err(RpcError::Rpc { code: -26, message })
    }

    /// Whether the mempool would take these transactions, each parent before its child.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn test_mempool_accept(
        &self,
        txs: &[&Transaction],
    ) -> Result<Vec<MempoolVerdict>, RpcError> {
        let hex: Vec<String> = txs.iter().map(|tx| encode::serialize_hex(*tx)).collect();
        self.call("testmempoolaccept", json!([hex])).await
    }

    /// bitcoind's estimate for confirmation within `blocks`; `None` while it has too little data.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn estimate_smart_fee(&self, blocks: u16) -> Result<Option<FeeRate>, RpcError> {
        let estimate: FeeEstimate = self.call("estimatesmartfee", json!([blocks])).await?;
        Ok(estimate.per_kvb.map(rate_per_kvb))
    }

    /// The mempool's present fee floors.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn fee_info(&self) -> Result<FeeInfo, RpcError> {
        let info: MempoolInfo = self.call("getmempoolinfo", json!([])).await?;
        let incremental = info.incremental.unwrap_or(Amount::from_sat(1000));
        Ok(FeeInfo {
            mempool_min: rate_per_kvb(info.min.max(info.relay)),
            relay_min: rate_per_kvb(info.relay),
            incremental: rate_per_kvb(incremental),
        })
    }

    /// Which mempool transactions spend these outpoints.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn spending_prevouts(
        &self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<PrevoutSpend>, RpcError> {
        let query: Vec<Value> = outpoints
            .iter()
            .map(|point| json!({ "txid": point.txid, "vout": point.vout }))
            .collect();
        self.call("gettxspendingprevout", json!([query])).await
    }

    /// A transaction of the mempool (or of the chain where bitcoind keeps `txindex`); `None` when unknown.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn raw_transaction(&self, txid: &Txid) -> Result<Option<Transaction>, RpcError> {
        match self
            .call::<String>("getrawtransaction", json!([txid]))
            .await
        {
            Ok(hex) => decode("getrawtransaction", &hex).map(Some),
            Err(err) if err.is_not_found() => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Whether the mempool holds this transaction.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn in_mempool(&self, txid: &Txid) -> Result<bool, RpcError> {
        match self.call::<Value>("getmempoolentry", json!([txid])).await {
            Ok(_) => Ok(true),
            Err(err) if err.is_not_found() => Ok(false),
            Err(err) => Err(err),
        }
    }

    /// Where bitcoind announces every transaction it takes (`host:port`), if it does.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn announces_transactions(&self) -> Result<Option<String>, RpcError> {
        let all: Vec<Publisher> = match self.call("getzmqnotifications", json!([])).await {
            Ok(all) => all,
            // Built without ZeroMQ.
            Err(RpcError::Rpc {
                code: code::NO_METHOD,
                ..
            }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut found = all.iter().filter(|publisher| publisher.kind == "pubrawtx");
        Ok(found.find_map(|publisher| zmq::reachable(&publisher.address, self.host())))
    }

    /// All transaction ids of the mempool.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn raw_mempool(&self) -> Result<Vec<Txid>, RpcError> {
        self.call("getrawmempool", json!([])).await
    }

    /// An unspent output of the best chain, or of the mempool too when `with_mempool`; `None` when spent or unknown.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn unspent(
        &self,
        outpoint: &OutPoint,
        with_mempool: bool,
    ) -> Result<Option<TxOut>, RpcError> {
        let info: Option<UnspentInfo> = self
            .call(
                "gettxout",
                json!([outpoint.txid, outpoint.vout, with_mempool]),
            )
            .await?;
        Ok(info.map(|info| TxOut {
            value: info.value,
            script_pubkey: info.script.hex,
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_fee_estimate_in_bitcoin_per_kilobyte_is_read_without_loss() {
        let estimate: FeeEstimate =
            serde_json::from_str(r#"{"feerate":0.00012345,"blocks":2}"#).unwrap();
        assert_eq!(
            estimate.per_kvb.map(rate_per_kvb),
            Some(FeeRate::from_sat_per_kwu(3087))
        );
        let none: FeeEstimate =
            serde_json::from_str(r#"{"errors":["Insufficient data"],"blocks":2}"#).unwrap();
        assert_eq!(none.per_kvb, None);
        let tiny: FeeEstimate = serde_json::from_str(r#"{"feerate":1e-6,"blocks":2}"#).unwrap();
        assert_eq!(tiny.per_kvb, Some(Amount::from_sat(100)));
    }

    #[test]
    fn a_stale_header_is_told_from_one_in_the_best_chain() {
        let hash = "00".repeat(32);
        let header: HeaderInfo = serde_json::from_str(&format!(
            r#"{{"hash":"{hash}","height":7,"time":9,"confirmations":-1}}"#
        ))
        .unwrap();
        assert!(!header.in_best_chain());
        assert_eq!(header.next, None);
    }
}
