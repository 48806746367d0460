//! The wallet's keys: BIP86, external chain 0 and change chain 1 below the account root. BDK only ever sees public keys.

use bdk_wallet::KeychainKind;
use bitcoin::bip32::{ChildNumber, Xpriv, Xpub};
use bitcoin::key::{Keypair, TapTweak as _};
use bitcoin::secp256k1::{All, Message, Secp256k1};
use bitcoin::sighash::{Prevouts, SighashCache, TapSighashType};
use bitcoin::{Transaction, TxOut, Witness, taproot};

use super::WalletError;

/// Account root and the context to sign with.
pub(super) struct Keys {
    account: Xpriv,
    secp: Secp256k1<All>,
}

fn chain(keychain: KeychainKind) -> ChildNumber {
    let index = match keychain {
        KeychainKind::External => 0,
        KeychainKind::Internal => 1,
    };
    ChildNumber::Normal { index }
}

impl Keys {
    pub(super) fn new(account: Xpriv) -> Self {
        Self {
            account,
            secp: Secp256k1::new(),
        }
    }

    /// The public descriptor of one of the two chains.
    pub(super) fn descriptor(&self, keychain: KeychainKind) -> String {
        let account = Xpub::from_priv(&self.secp, &self.account);
        format!("tr({account}/{}/*)", chain(keychain))
    }

    fn keypair(&self, keychain: KeychainKind, index: u32) -> Result<Keypair, WalletError> {
        let path = [chain(keychain), ChildNumber::Normal { index }];
        let key = self
            .account
            .derive_priv(&self.secp, &path)
            .map_err(|err| WalletError::Signing(err.to_string()))?;
        Ok(key.to_keypair(&self.secp))
    }

    /// Signs the inputs named in `owned` (position, chain, key index) by key path. `prevouts` are the outputs all inputs
    /// spend, in order.
    pub(super) fn sign(
        &self,
        tx: &mut Transaction,
        prevouts: &[TxOut],
        owned: &[(usize, KeychainKind, u32)],
    ) -> Result<(), WalletError> {
        for (position, keychain, index) in owned {
            let sighash = SighashCache::new(&*tx)
                .taproot_key_spend_signature_hash(
                    *position,
                    &Prevouts::All(prevouts),
                    TapSighashType::Default,
                )
                .map_err(|err| WalletError::Signing(err.to_string()))?;
            let pair = self
                .keypair(*keychain, *index)?
                .tap_tweak(&self.secp, None)
                .to_keypair();
            let signature = self.secp.sign_schnorr(&Message::from(sighash), &pair);
            let signature = taproot::Signature {
                signature,
                sighash_type: TapSighashType::Default,
            };
            let Some(input) = tx.input.get_mut(*position) else {
                continue;
            };
            input.witness = Witness::p2tr_key_spend(&signature);
        }
        Ok(())
    }
}
