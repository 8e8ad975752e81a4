"""Which simulators there are, by the name of their platform; imported when made."""

from importlib import import_module
from typing import Final

from crossdock.sandbox.simulator import Simulator

SIMULATORS: Final = {
    "hubspot": "crossdock.sandbox.hubspot:HubSpotSimulator",
    "quickbooks": "crossdock.sandbox.quickbooks:QuickBooksSimulator",
    "shopify": "crossdock.sandbox.shopify:ShopifySimulator",
}


def make(name: str, *, seed: int = 0) -> Simulator:
    """Raises KeyError: no such simulator (the keys of SIMULATORS are all there are)."""
    module, _, kind = SIMULATORS[name].partition(":")
    simulator = getattr(import_module(module), kind)(seed=seed)
    assert isinstance(simulator, Simulator)
    return simulator
