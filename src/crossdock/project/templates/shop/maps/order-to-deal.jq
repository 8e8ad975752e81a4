# An order → the deal that it closed, worth what was sold less what was given back. An order that was called off is lost.

def unpaid: .financial_status | IN("pending", "authorized", "voided", "expired");
def kept:
  if .cancelled_at != null and unpaid then money(0; .currency)
  else money_sub(.total; .refunded_total // money(0; .currency)) end;

{
  name: "Order \(.name // .number)",
  order: {key: $event.key},
  customer: .customer,
  amount: kept,
  stage: (
    if .cancelled_at != null or .financial_status == "refunded" then "lost"
    elif .financial_status | IN("paid", "partially_refunded") then "won"
    else "committed" end),
  closed_at: .placed_at
}
| with_entries(select(.value != null))
