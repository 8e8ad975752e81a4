"""Canonical models: what an order, a customer or an invoice is, whatever platform it comes from."""
