"""Shopify: orders, customers, products, payments and refunds come in, by webhooks and by polls."""
