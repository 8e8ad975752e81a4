# A Payment → payment. It tells a day; how it was paid is the bookkeeper's own list.
currency as $currency
| ([.Line[]?.LinkedTxn[]? | select(.TxnType == "Invoice") | .TxnId] | first) as $invoice
| event("payment";
  { invoice: (if $invoice == null then null else { key: entity_key("invoice"; $invoice) } end),
    customer: customer_ref,
    amount: (.TotalAmt | amount($currency)),
    received_at: "\(.TxnDate)T00:00:00Z",
    method: "other",
    reference: (.PaymentRefNum | said) })
