from __future__ import annotations

from decimal import Decimal
from typing import Any

JMESPATH = """items[?decoded.name == 'Transfer' && !removed].{
  id: join('/', [tx_hash, to_string(log_offset)]),
  from: decoded.params[?name == 'from'].value | [0], to: decoded.params[?name == 'to'].value | [0],
  asset: {symbol: token.symbol, contract: token.address},
  amount: decoded.params[?name == 'value'].value | [0] | to_number(@),
  raw_amount: decoded.params[?name == 'value'].value | [0],
  tags: labels[?!starts_with(@, 'x-')]
} | {transfers: @, count: length(@), assets: [].asset.symbol, senders: length([].from)}"""

NOBODY = "0x0000000000000000000000000000000000000000"


def sample(lines: int) -> dict[str, Any]:
    return {
        "chain": "eip155:1",
        "block": {"height": 24512345, "hash": "0x" + "5f" * 32, "signed_at": "2026-03-05T11:22:35Z"},
        "items": [_item(number) for number in range(lines)],
    }


def _item(number: int) -> dict[str, Any]:
    token = {"address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "symbol": "USDC", "decimals": 6}
    other = {"address": "0x6B175474E89094C44Da98b954EedeAC495271d0F", "symbol": "DAI"}
    sender = NOBODY if number % 5 == 2 else f"0x28C6c06298d514Db089934071355E5743bf21{number:03d}"
    return {
        "tx_hash": f"0x{number * 7919 + 10**15:064x}", "log_offset": number, "removed": number % 9 == 8,
        "token": other if number % 3 == 1 else token,
        "labels": ["exchange", "x-internal"] if number % 2 else [],
        "decoded": {
            "name": "Approval" if number % 6 == 5 else "Transfer",
            "params": [
                {"name": "from", "type": "address", "indexed": True, "value": sender},
                {"name": "to", "type": "address", "indexed": True, "value": f"0x{number + 0xAB:040X}"},
                {"name": "value", "type": "uint256", "indexed": False, "value": str(1234567890123 * (number + 3))},
            ],
        },
    }  # fmt: skip


def param(item: dict[str, Any], name: str) -> Any:
    return next(param["value"] for param in item["decoded"]["params"] if param["name"] == name)


def transfer(item: dict[str, Any], chain: str, block: dict[str, Any]) -> dict[str, Any]:
    token = item["token"]
    sender, value = param(item, "from"), param(item, "value")
    amount = Decimal(value) / 10 ** (token.get("decimals") or 18)
    return {
        "id": f"{chain}/{item['tx_hash']}/{item['log_offset']}",
        "kind": "mint" if sender == NOBODY else "transfer",
        "at": block["signed_at"],
        "block": {"height": block["height"], "hash": block["hash"]},
        "from": f"{chain}:{sender.lower()}",
        "to": f"{chain}:{param(item, 'to').lower()}",
        "asset": {"symbol": token["symbol"], "contract": f"{chain}:{token['address'].lower()}"},
        "amount": amount,
        "raw_amount": value,
        "tags": [label for label in item.get("labels") or () if not label.startswith("x-")],
    }


def by_hand(logs: dict[str, Any]) -> dict[str, Any]:
    chain, block = logs["chain"], logs["block"]
    transfers = [
        transfer(item, chain, block)
        for item in logs["items"]
        if item["decoded"]["name"] == "Transfer" and not item["removed"]
    ]
    return {
        "transfers": transfers,
        "count": len(transfers),
        "assets": sorted({transfer["asset"]["symbol"] for transfer in transfers}),
        "senders": len({transfer["from"] for transfer in transfers}),
    }
