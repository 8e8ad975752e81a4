# An order → the deal that it closed, worth what the shop keeps of it: money received, less what was given back, and what is
# still to come. An order that was called off, or given back whole, is lost.

def kept: money_add(money_sub(.paid_total; .refunded_total); .outstanding);

{
  name: "Order \(.name // .number)",
  order: {key: $event.key},
  customer: .customer,
  amount: (if .outstanding == null or .paid_total == null or .refunded_total == null then .total else kept end),
  stage: (
    if .cancelled_at != null or .financial_status == "refunded" then "lost"
    elif .financial_status | IN("paid", "partially_refunded") then "won"
    else "committed" end),
  closed_at: .placed_at
}
| with_entries(select(.value != null))
