# An order as sold → the invoice that bills it. The lines are net of their discounts, as the order totals them; lines, fees
# and tax make the order's own total to the cent.

def tax_code: [.tax[].title] | if . == [] then null else lookup("tax_codes"; join(" + ")) end;
def tax_amount($currency): money_sum([.tax[].amount]; $currency);
def extra($kind; $description): select(. != null and money_sign(.) != 0) | {kind: $kind, description: $description, amount: .};
def present: with_entries(select(.value != null));

.currency as $currency
| ([.lines[] | select(.quantity > 0)] | if length > 0 then . else null end) as $sold
| {
    number: .number,
    order: {key: $event.key},
    customer: .customer,
    status: (
      if .financial_status | IN("paid", "partially_refunded", "refunded") then "paid"
      else "open" end),
    issued_on: date_in(.placed_at; "America/Toronto"),     # the day in Joanna's shop
    currency: $currency,
    email: .email,
    billing_address: .billing_address,
    shipping_address: .shipping_address,
    lines: [
      (($sold // .lines)[] | {
        id: .id,
        kind: (.kind // "product"),
        description: ([.title, .variant_title] | map(select(. != null)) | join(", ")),
        product: .product,
        sku: .sku,
        quantity: .quantity,
        unit_price: .unit_price,
        amount: .total,
        tax_amount: tax_amount($currency),
        tax: .tax,
        tax_code: tax_code
      } | present),
      (.shipping_lines[] | {
        id: .id,
        kind: "shipping",
        description: .title,
        amount: .total,
        tax_amount: tax_amount($currency),
        tax: .tax,
        tax_code: tax_code
      } | present),
      (.tip_total | extra("tip"; "Tip")),
      (.duty_total | extra("duty"; "Import duties")),
      (.rounding | extra("rounding"; "Rounding"))
    ],
    tax_total: .tax_total,
    total: .total,
    outstanding: .outstanding,
    taxes_included: .taxes_included
  }
| present
