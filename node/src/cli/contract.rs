//! `contract show`: what two sides agreed on the chain, computed here, with no node running.

use std::io::Read as _;
use std::path::Path;

use cambista_protocol::contract::{ContractInput, ContractView};

use super::args_node::ContractCommand;
use super::context::Context;
use super::failure::Failure;

/// More than any terms are long (bytes).
const LONGEST: u64 = 64 * 1024;

/// Prints a contract's address and scripts.
pub(super) fn contract(context: &Context, command: ContractCommand) -> Result<(), Failure> {
    let ContractCommand::Show { file } = command;
    let wrong = |text: String| Failure::usage(text, "cambista contract show --help");
    let name = match file.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => format!("the file {}", file.display()),
    };
    let text = read(&file).map_err(|error| wrong(format!("cannot read {name}: {error}")))?;
    let input: ContractInput = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("{name} holds no terms of a contract: {error}")))?;
    let view = ContractView::try_from(&input).map_err(|error| wrong(error.to_string()))?;
    context.show(&view, || show(&view));
    Ok(())
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().take(LONGEST).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?
            .take(LONGEST)
            .read_to_string(&mut text)?;
    }
    Ok(text)
}

fn show(view: &ContractView) -> String {
    [
        ("Address", &view.address),
        ("Output script", &view.script_pubkey),
        ("Output key", &view.output_key),
        ("Internal key", &view.internal_key),
        ("Merkle root", &view.merkle_root),
        ("Claim leaf", &view.claim_script),
        ("  leaf hash", &view.claim_leaf_hash),
        ("  control block", &view.claim_control_block),
        ("Refund leaf", &view.refund_script),
        ("  leaf hash", &view.refund_leaf_hash),
        ("  control block", &view.refund_control_block),
    ]
    .iter()
    .map(|(name, value)| format!("{name:<16} {value}\n"))
    .collect()
}
