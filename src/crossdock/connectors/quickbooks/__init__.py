"""QuickBooks Online: customers, items, invoices, payments and refunds in the books."""
