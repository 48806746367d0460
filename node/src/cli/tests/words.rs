//! What can be typed.

use clap::{CommandFactory as _, Parser as _};

use super::super::args::{Cli, Command};
use super::super::args_node::MakerCommand;
use super::super::context::{called, with_globals};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_explains_itself_with_an_example() {
    fn visit(command: &clap::Command, path: &str) -> usize {
        let path = format!("{path} {}", command.get_name());
        assert!(
            command.get_about().is_some(),
            "{path} says nothing of itself"
        );
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(help.contains("cambista "), "{path} has no example");
        1 + command
            .get_subcommands()
            .map(|sub| visit(sub, &path))
            .sum::<usize>()
    }
    let verbs: usize = Cli::command()
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| visit(command, "cambista"))
        .sum();
    assert!(verbs > 30, "{verbs}");
}

#[test]
fn everything_the_book_promises_can_be_typed() {
    for line in [
        "cambista init --network regtest --datadir d --bitcoind 127.0.0.1:18443 --bitcoind-cookie c --lightning-listen \
         127.0.0.1:0 --p2p-listen /ip4/127.0.0.1/tcp/0 --bootstrap /ip4/127.0.0.1/tcp/1 /ip4/127.0.0.1/tcp/2 \
         --api-listen 127.0.0.1:0 --alias a --channel-confirmations 1 --fee-rate 1",
        "cambista init --bitcoind-user u --bitcoind-password p --p2p-external /dns4/a.example/tcp/1",
        "cambista run",
        "cambista stop --json",
        "cambista status --json",
        "cambista offers",
        "cambista offers in --amount 250_000 --limit 50",
        "cambista quote out 250000 --maker 02ab",
        "cambista out 250000 --yes --detach --json",
        "cambista out 250000 bcrt1q --max-miner-fee 1 --max-routing-fee 2 --max-fee 3 --confs 2 --label rent",
        "cambista out 250000 bcrt1q --receive --channel ab --channel cd",
        "cambista quote out 5 --receive --address bcrt1q",
        "cambista in 250000 --yes --external --last-hop 02ab",
        "cambista cancel ab --yes",
        "cambista maker set --external-ppm 300",
        "cambista maker set --no-external",
        "cambista swaps",
        "cambista swaps ab --follow",
        "cambista in 250000 --channel 5e --no-qr",
        "cambista watch --json",
        "cambista invoice",
        "cambista invoice 25_000 --description coffee --expiry 60 --no-qr",
        "cambista pay lnbc1 --max-fee 5 --amount 7 --timeout 0 --yes",
        "cambista payments",
        "cambista payments 2a2a",
        "cambista wallet history",
        "cambista version --json",
        "cambista completions zsh",
        "cambista maker on",
        "cambista maker off",
        "cambista maker show",
        "cambista maker set --out-base 1 --out-ppm -5 --out-min 2 --out-max 3 --no-in --refund-delta 100",
        "cambista channel open 02ab@127.0.0.1:9735 1000000 --announced --push 5 --yes",
        "cambista channel close ab --force --yes",
        "cambista channel list",
        "cambista peer connect /ip4/127.0.0.1/tcp/1/p2p/12D3",
        "cambista peer list",
        "cambista wallet address",
        "cambista wallet balance",
        "cambista wallet send bcrt1q 5 --fee-rate 2 --yes",
        "cambista wallet send bcrt1q --all",
        "cambista contract show -",
        "cambista openapi",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    for line in [
        "cambista out",
        "cambista out 0.5",
        "cambista out 250000 a b",
        "cambista out 250000 --confs 0",
        "cambista in 250000 bcrt1q",
        "cambista quote sideways 1",
        "cambista in 5 --channel 5e --last-hop 02ab",
        "cambista pay",
        "cambista pay lnbc1 --timeout -1",
        "cambista pay lnbc1 --timeout 18446744073709551615",
        "cambista completions csh",
        "cambista wallet send bcrt1q",
        "cambista wallet send bcrt1q 5 --all",
        "cambista maker set --no-out --out-base 5",
        "cambista init --bitcoind-user u",
        "cambista init --bitcoind-cookie c --bitcoind-user u --bitcoind-password p",
        "cambista status --network moon",
        "cambista swaps --follow",
    ] {
        let error = parse(line)
            .err()
            .unwrap_or_else(|| panic!("{line} was taken"));
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn a_negative_share_can_be_set() {
    let cli = parse("cambista maker set --in-ppm -250").unwrap();
    let Command::Maker {
        command: Some(MakerCommand::Set(set)),
    } = cli.command
    else {
        panic!("not maker set")
    };
    assert_eq!(set.in_ppm, Some(-250));
}

#[test]
fn the_next_command_can_be_typed_as_it_is_shown() {
    let cli = parse("cambista --network regtest status --datadir /tmp/a").unwrap();
    let shown = with_globals(&called(&cli), "cambista swaps ab");
    assert_eq!(shown, "cambista --datadir /tmp/a swaps ab");
    parse(&shown).unwrap();
    let cli = parse("cambista --network regtest status").unwrap();
    let shown = with_globals(&called(&cli), "cambista run");
    assert_eq!(shown, "cambista --network regtest run");
    let cli = Cli::try_parse_from(["cambista", "status", "--datadir", "it's here"]).unwrap();
    assert_eq!(
        with_globals(&called(&cli), "cambista run"),
        "cambista --datadir 'it'\\''s here' run"
    );
}
