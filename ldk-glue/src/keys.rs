//! The node's keys: LDK's own, except that what a channel pays us at its end goes straight to the wallet.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bitcoin::absolute::LockTime;
use bitcoin::bip32::Xpriv;
use bitcoin::secp256k1::ecdh::SharedSecret;
use bitcoin::secp256k1::ecdsa::{RecoverableSignature, Signature};
use bitcoin::secp256k1::{All, Keypair, Message, PublicKey, Scalar, Secp256k1, schnorr};
use bitcoin::{ScriptBuf, Transaction, TxOut};
use lightning::ln::inbound_payment::ExpandedKey;
use lightning::ln::msgs::UnsignedGossipMessage;
use lightning::ln::script::ShutdownScript;
use lightning::offers::invoice::UnsignedBolt12Invoice;
use lightning::sign::{
    EntropySource, InMemorySigner, KeysManager, NodeSigner, OutputSpender, PeerStorageKey,
    ReceiveAuthKey, Recipient, SignerProvider, SpendableOutputDescriptor,
};
use lightning_invoice::RawBolt11Invoice;

use crate::wallet::Wallet;

/// The secrets a node is built from.
#[derive(Clone)]
pub struct NodeKeys {
    /// Seed of everything on Lightning. Drawing it anew means losing every channel.
    pub ldk_seed: [u8; 32],
    /// Account key of the on-chain wallet (BIP86, `m/86'/coin'/0'`).
    pub wallet: Xpriv,
}

impl std::fmt::Debug for NodeKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeKeys(..)")
    }
}

/// All of LDK's signer traits.
pub(crate) struct Keys {
    inner: KeysManager,
    wallet: Arc<Wallet>,
    secp: Secp256k1<All>,
}

impl Keys {
    pub(crate) fn new(seed: &[u8; 32], wallet: Arc<Wallet>) -> Self {
        // Only makes ephemeral values unique per start.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            // `true`: what a peer's force-close pays us can be found from the seed alone.
            inner: KeysManager::new(seed, now.as_secs(), now.subsec_nanos(), true),
            wallet,
            secp: Secp256k1::new(),
        }
    }

    pub(crate) fn node_id(&self) -> PublicKey {
        self.inner.get_node_secret_key().public_key(&self.secp)
    }

    /// BIP340 over a digest that its owner has already bound to a purpose by tagged hashing.
    pub(crate) fn sign_tagged(&self, digest: [u8; 32]) -> [u8; 64] {
        let pair = Keypair::from_secret_key(&self.secp, &self.inner.get_node_secret_key());
        let message = Message::from_digest(digest);
        let aux = self.inner.get_secure_random_bytes();
        self.secp
            .sign_schnorr_with_aux_rand(&message, &pair, &aux)
            .serialize()
    }

    fn wallet_script(&self) -> Result<ScriptBuf, ()> {
        let script = self.wallet.channel_script();
        script.map_err(|error| tracing::error!(%error, "no wallet address for a channel"))
    }
}

impl EntropySource for Keys {
    fn get_secure_random_bytes(&self) -> [u8; 32] {
        self.inner.get_secure_random_bytes()
    }
}

impl NodeSigner for Keys {
    fn get_expanded_key(&self) -> ExpandedKey {
        self.inner.get_expanded_key()
    }

    fn get_peer_storage_key(&self) -> PeerStorageKey {
        self.inner.get_peer_storage_key()
    }

    fn get_receive_auth_key(&self) -> ReceiveAuthKey {
        self.inner.get_receive_auth_key()
    }

    fn get_node_id(&self, recipient: Recipient) -> Result<PublicKey, ()> {
        self.inner.get_node_id(recipient)
    }

    fn ecdh(
        &self,
        recipient: Recipient,
        other_key: &PublicKey,
        tweak: Option<&Scalar>,
    ) -> Result<SharedSecret, ()> {
        self.inner.ecdh(recipient, other_key, tweak)
    }

    fn sign_invoice(
        &self,
        invoice: &RawBolt11Invoice,
        recipient: Recipient,
    ) -> Result<RecoverableSignature, ()> {
        self.inner.sign_invoice(invoice, recipient)
    }

    fn sign_bolt12_invoice(
        &self,
        invoice: &UnsignedBolt12Invoice,
    ) -> Result<schnorr::Signature, ()> {
        self.inner.sign_bolt12_invoice(invoice)
    }

    fn sign_gossip_message(&self, msg: UnsignedGossipMessage) -> Result<Signature, ()> {
        self.inner.sign_gossip_message(msg)
    }

    fn sign_message(&self, msg: &[u8]) -> Result<String, ()> {
        self.inner.sign_message(msg)
    }
}

impl OutputSpender for Keys {
    fn spend_spendable_outputs(
        &self,
        descriptors: &[&SpendableOutputDescriptor],
        outputs: Vec<TxOut>,
        change_destination_script: ScriptBuf,
        feerate_sat_per_1000_weight: u32,
        locktime: Option<LockTime>,
        secp_ctx: &Secp256k1<All>,
    ) -> Result<Transaction, ()> {
        self.inner.spend_spendable_outputs(
            descriptors,
            outputs,
            change_destination_script,
            feerate_sat_per_1000_weight,
            locktime,
            secp_ctx,
        )
    }
}

impl SignerProvider for Keys {
    type EcdsaSigner = InMemorySigner;

    fn generate_channel_keys_id(&self, inbound: bool, user_channel_id: u128) -> [u8; 32] {
        self.inner
            .generate_channel_keys_id(inbound, user_channel_id)
    }

    fn derive_channel_signer(&self, channel_keys_id: [u8; 32]) -> InMemorySigner {
        self.inner.derive_channel_signer(channel_keys_id)
    }

    fn get_destination_script(&self, _channel_keys_id: [u8; 32]) -> Result<ScriptBuf, ()> {
        self.wallet_script()
    }

    fn get_shutdown_scriptpubkey(&self) -> Result<ShutdownScript, ()> {
        let script = self.wallet_script()?;
        ShutdownScript::try_from(script).map_err(|_| {
            tracing::error!("the wallet gave a script that no channel may close to");
        })
    }
}
