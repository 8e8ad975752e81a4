"""A hub as its user runs it: a project folder, secrets in the vault, `crossdock run` in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import psutil
from _wire import SIGNED_WITH

from crossdock.stores.postgres.opening import SCHEMA

CROSSDOCK = Path(sys.executable).with_name("crossdock")

HUB = """\
name: bench
listen: {{port: {port}}}
egress: {{allow: ["127.0.0.1:{sink}"]}}
environments: {{production: {{{store}}}}}
"""
SOURCE = """\
connector: http
settings:
  webhook:
    signature: {scheme: hmac-sha256-hex, header: X-Signature}
    id: body.id
    topic: "text:order"
    order_by: body.id
maps: {order: order.jq}
"""
DESTINATION = """\
connector: http
settings:
  base_url: http://127.0.0.1:{sink}
  concurrency: 64
  actions:
    create_invoice:
      path: /invoices
      idempotency_header: Idempotency-Key
      id: id
"""
FLOW = """\
on: [sale.created, sale.updated]
from: beginning
to: books
action: create_invoice
map: invoice.jq
"""
MODEL = """\
$id: sale@1
title: A sale
type: object
additionalProperties: false
required: [number, sent_at, total, currency, customer, lines]
properties:
  number: {type: string, description: Its number.}
  sent_at: {type: string, description: When it was sent.}
  total: {type: string, description: To be paid.}
  currency: {type: string, description: ISO 4217.}
  note: {type: string, description: What the customer wrote.}
  customer: {type: object, description: Who bought.}
  lines: {type: array, description: What was bought., items: {type: object}}
"""
INBOUND = """\
{model: "sale", verb: "created", id: .id, version: .sent_at,
 data: {number, sent_at, total, currency, note, customer: {email: .customer.email, name: (.customer.first_name + " " +
  .customer.last_name)}, lines: [.lines[] | {sku, title, quantity, unit_price: .price}]}}
"""
INVOICE = """\
{sent_at, DocNumber: .number, CustomerName: .customer.name, BillEmail: .customer.email, CurrencyRef: .currency,
 PrivateNote: (.note // "" | .[:100]),
 Line: [.lines[] | {DetailType: "SalesItemLineDetail", Description: .title, Qty: .quantity, UnitPrice: .unit_price,
  ItemRef: .sku}], TotalAmt: .total}
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def write_project(
    folder: Path,
    *,
    port: int,
    sink: int,
    flow: bool = True,
    store: str = "",
    identity: str = "body.id",
    flow_says: str = "",
) -> None:
    """`store`: in place of a SQLite file of its own. `identity`: where a webhook tells its own."""
    files = {
        "crossdock.yaml": HUB.format(port=port, sink=sink, store=f'store: "{store}"' if store else ""),
        "connections/shop.yaml": SOURCE.replace("    id: body.id\n", f"    id: {identity}\n"),
        "connections/books.yaml": DESTINATION.replace("{sink}", str(sink)),
        "models/sale.yaml": MODEL,
        "maps/order.jq": INBOUND,
        "maps/invoice.jq": INVOICE,
    }
    if flow:
        files["flows/sale-to-invoice.yaml"] = FLOW + flow_says
    write_files(folder, files)


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """A project of these files, and the secret that signs its webhooks."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _crossdock(folder, "secrets", "set", "shop", "webhook_secret", said=SIGNED_WITH)


def _crossdock(folder: Path, *arguments: str, said: str = "") -> None:
    done = subprocess.run(
        [CROSSDOCK, *arguments, "--project", folder], input=said, text=True, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(f"crossdock {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


class RunningHub:
    """`with RunningHub(folder, port) as hub:` is ready to take webhooks, and stops at the end."""

    def __init__(self, folder: Path, port: int, *arguments: str) -> None:
        self._folder = folder
        self._port = port
        self._arguments = arguments

    def __enter__(self) -> RunningHub:
        self._log = (self._folder / "hub.log").open("wb")
        self._process = subprocess.Popen(
            [CROSSDOCK, "run", "--project", self._folder, *self._arguments],
            stdout=self._log,
            stderr=self._log,
            env={**os.environ},
        )
        deadline = time.monotonic() + 40
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the hub did not start:\n{(self._folder / 'hub.log').read_text()}")
            time.sleep(0.05)
        self._watched = psutil.Process(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def workers(self, for_s: float) -> list[int]:
        """Those of several that have been alive for so long."""
        born_by = time.time() - for_s
        return [child.pid for child in self._watched.children() if child.create_time() < born_by]

    def cpu_s(self) -> float:
        """Of all its processes."""
        times = [process.cpu_times() for process in self._processes()]
        return float(sum(one.user + one.system for one in times))

    def memory_bytes(self) -> int:
        return int(sum(process.memory_info().rss for process in self._processes()))

    def _processes(self) -> list[psutil.Process]:
        return [self._watched, *self._watched.children(recursive=True)]


async def emptied(url: str) -> None:
    """A database without a hub."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    await connection.close()


async def shared_out(url: str, workers: int) -> None:
    """Returns when so many hold their part of the flow's lanes: until then they still start."""
    connection = await asyncpg.connect(url)
    query = (
        f"SELECT count(DISTINCT worker) FROM {SCHEMA}.lanes"
        " WHERE starts_with(reader, 'flow/') AND until > extract(epoch FROM clock_timestamp())"
    )
    while await connection.fetchval(query) < workers:
        await asyncio.sleep(0.05)
    await connection.close()
