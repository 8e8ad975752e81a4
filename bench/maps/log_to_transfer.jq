# Decoded logs of a block, as an indexer tells them → transfers for one ledger.
def param($name): first(.decoded.params[] | select(.name == $name) | .value);
def account($chain): "\($chain):\(ascii_downcase)";
def is_transfer: .decoded.name == "Transfer" and (.removed | not);

.chain as $chain
| .block as $block
| [ .items[]
    | select(is_transfer)
    | pow(10; .token.decimals // 18) as $unit
    | {
        id: "\($chain)/\(.tx_hash)/\(.log_offset)",
        kind: (if param("from") == "0x0000000000000000000000000000000000000000" then "mint" else "transfer" end),
        at: $block.signed_at,
        block: {height: $block.height, hash: $block.hash},
        from: (param("from") | account($chain)),
        to: (param("to") | account($chain)),
        asset: {symbol: .token.symbol, contract: (.token.address | account($chain))},
        amount: ((param("value") | tonumber) / $unit),
        raw_amount: param("value"),
        tags: [.labels[]? | select(startswith("x-") | not)]
      } ]
| { transfers: ., count: length, assets: (map(.asset.symbol) | unique), senders: (map(.from) | unique | length) }
