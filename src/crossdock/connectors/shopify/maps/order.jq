# An order → order, its customer, and where the record tells them its payments and refunds.
#
# The model tells an order as sold, edits counted and refunds not. Shopify's `current` figures have both taken off, so what
# refunds took is put back. Where an edit took units off a line, its discount and tax are its share; Shopify rounds each
# line on its own, and the last edited line takes the cents by which the shares miss Shopify's own sums.

def exact: . // 0 | tonumber;
def total_of(f): [.[] | f | exact] | add // 0;

# What refunds took off: {goods, goods_tax, carriage, carriage_tax, adjusted}, as numbers.
def taken_off:
  { goods: [.[].lines[]] | total_of(.subtotal), goods_tax: [.[].lines[]] | total_of(.tax),
    carriage: [.[].shipping[]] | total_of(.amount), carriage_tax: [.[].shipping[]] | total_of(.tax),
    adjusted: ([.[].adjustments[]] | total_of(.amount) + total_of(.tax)) };

# The share of `$part` units in an amount for `$whole` units, to the cent, halves up.
def share($part; $whole; $currency):
  if $part == $whole or $whole == 0 then .
  else money_allocate(money(.; $currency); [$part, $whole - $part])[0].amount | tonumber end;

def sold_lines($refunds; $currency):
  [ .[]
    | . as $line
    | ([$refunds[].lines[] | select(.line == $line.id) | .quantity] | add // 0) as $refunded
    | ($line.current + $refunded) as $quantity
    | $line + {
        quantity: $quantity, refunded: $refunded, edited: ($quantity != $line.ordered),
        discount: ($line.discounts | total_of(.) | share($quantity; $line.ordered; $currency)),
        tax: [$line.taxes[] | { title, rate, amount: (.amount | exact | share($quantity; $line.ordered; $currency)) }]
      }
    | .net = (.price | exact) * $quantity - .discount ];

# Brings the sums of the lines to what Shopify says they are, by the last line that an edit changed.
def settled($subtotal; $tax):
  ([range(length) as $at | select(.[$at].edited and .[$at].quantity > 0) | $at] | last) as $at
  | if $at == null then .
    else
      ($subtotal - total_of(.net)) as $missing
      | .[$at].discount -= $missing
      | .[$at].net += $missing
      | ($tax - ([.[].tax[]] | total_of(.amount))) as $missing_tax
      | if .[$at].tax == [] then . else .[$at].tax[0].amount += $missing_tax end
    end;

def shipped:
  [ .[]
    | (.price | exact) as $price
    | ([$price - (.discounted | exact), (.discounts | total_of(.))] | max) as $discount
    | . + { price: $price, discount: $discount, net: ($price - $discount) } ];

def taxes($currency):
  [.[] | { title: (.title | short(255) // "Tax"), rate, amount: money_round(.amount | exact; $currency) }];

def how_paid:
  (. // "" | ascii_downcase) as $gateway
  | { "gift_card": "gift_card", "shopify_store_credit": "store_credit", "cash": "cash",
      "cash on delivery (cod)": "cash", "bank deposit": "bank_transfer", "money order": "cheque", "paypal": "wallet",
      "klarna": "pay_later", "afterpay": "pay_later", "shop_pay_installments": "pay_later",
      "shopify_payments": "card", "bogus": "card", "manual": "other" }[$gateway] // "other";

def party:
  if .customer != null
  then { key: entity_key("customer"; .customer.id) } + (.customer | person)
  else
    (.billing | address) as $billing
    | (.shipping | address) as $shipping
    | (.email | email_address) as $email
    | ((.phone | phone_number($billing.country // $shipping.country)) // $billing.phone) as $phone
    | { key: entity_key("customer"; "guest-\(.id)"), guest: true,
        name: ($billing.name // $shipping.name // $billing.company // $email // "Guest \(.id)"),
        company: $billing.company, email: $email, phone: $phone }
  end
  | present;

# A guest is known from this order only. The version is the day of the order, so that an order's later life does not make
# the guest a new one.
def guest_event($party):
  {
    model: "customer", verb: "created", id: "guest-\(.id)", version: .created,
    data: ($party | del(.key)) + { addresses: [(.billing // .shipping) | address | select(. != null)] }
  };

def order_event($party; $taken):
  . as $order
  | .currency as $currency
  | ((.current_subtotal | exact) + $taken.goods) as $subtotal
  | ((.current_tax | exact) + $taken.goods_tax + $taken.carriage_tax) as $tax
  | ((.current_total | exact) + $taken.goods + $taken.carriage - $taken.adjusted
      + (if .taxes_included then 0 else $taken.goods_tax + $taken.carriage_tax end)) as $total
  | (.shipping_lines | shipped) as $carriage
  | ([$carriage[].taxes[]] | total_of(.amount)) as $carriage_tax
  | (.lines | sold_lines($order.refunds; $currency) | settled($subtotal; $tax - $carriage_tax)) as $lines
  | (($lines | total_of(.net)) + ($carriage | total_of(.net)) + (.tip | exact)
      + (if .taxes_included then 0 else $tax end)) as $sum
  | {
      model: "order",
      verb: verb,
      id: .id,
      version: .updated,
      data: (
        { number: (.name | said | ltrimstr("#")),
          name: (.name | said),
          placed_at: .placed,
          currency: $currency,
          financial_status: .financial,
          fulfillment_status: .fulfillment,
          cancelled_at: .cancelled,
          cancel_reason: (.cancel_reason | short(255)),
          customer: $party,
          email: (.email | email_address),
          phone: (.phone as $phone | (.billing.country // .shipping.country) as $country | $phone | phone_number($country)),
          billing_address: (.billing | address),
          shipping_address: (.shipping | address),
          lines: [ $lines[] | {
            id: .id,
            kind: (if .gift_card then "gift_card" else "product" end),
            product: (if .product == null then null else { key: entity_key("product"; .product) } end),
            sku: (.sku | short(255)),
            title: (.title | short(1000) // "Item"),
            variant_title: (.variant_title | short(1000)),
            quantity: .quantity,
            refunded_quantity: .refunded,
            unit_price: price(.price; $currency),
            discount: money_round(.discount; $currency),
            tax: (.tax | taxes($currency)),
            total: money_round(.net; $currency),
            taxable: .taxable } ],
          shipping_lines: [ $carriage[] | {
            id: .id,
            title: (.title | short(1000) // "Shipping"),
            code: (.code | short(255)),
            price: money_round(.price; $currency),
            discount: money_round(.discount; $currency),
            tax: (.taxes | taxes($currency)),
            total: money_round(.net; $currency) } ],
          discount_codes: [.codes[] | short(255) | select(. != null)],
          discount_total: money_round(($lines | total_of(.discount)) + ($carriage | total_of(.discount)); $currency),
          tax_total: money_round($tax; $currency),
          shipping_total: money_round($carriage | total_of(.net); $currency),
          tip_total: money_round(.tip | exact; $currency),
          rounding: money_round($total - $sum; $currency),
          total: money_round($total; $currency),
          paid_total: money_round(.received | exact; $currency),
          refunded_total: money_round(.given_back | exact; $currency),
          outstanding: money_round(.outstanding | exact; $currency),
          presentment_total: (if .presentment.amount == null then null
            else money(.presentment.amount; .presentment.currency) end),
          taxes_included: .taxes_included,
          note: (.note | text_clean(.) | if . == null then null else cut(.; 10000) end),
          tags: .tags,
          test: .test }
        | present)
    };

def payment_events($party):
  . as $order
  | .told_payments[]
  | select((.amount | exact) > 0)
  | {
      model: "payment", verb: "created", id: .id, version: .at, partition: { model: "order", id: $order.id },
      data: (
        { order: { key: entity_key("order"; $order.id) },
          customer: $party,
          amount: money(.amount; $order.currency),
          received_at: .at,
          method: (.gateway | how_paid),
          gateway: (.gateway | short(255)),
          reference: .id,
          test: (.test or $order.test) }
        | present)
    };

def refund_events($party):
  . as $order
  | .currency as $currency
  | .told_refunds[]
  | ([.] | taken_off) as $taken
  | (.given_back | total_of(.)) as $amount
  | ($taken.goods_tax + $taken.carriage_tax) as $tax
  | ($taken.goods + $taken.carriage + (if $order.taxes_included then 0 else $tax end)) as $worth
  | {
      model: "refund", verb: "created", id: .id, version: .created, partition: { model: "order", id: $order.id },
      data: (
        { order: { key: entity_key("order"; $order.id) },
          customer: $party,
          amount: money($amount; $currency),
          refunded_at: .at,
          lines: [ .lines[] | {
            line: .line,
            sku: (.sku | short(255)),
            title: (.title | short(1000)),
            quantity: .quantity,
            amount: money(.subtotal; $currency),
            tax_amount: money(.tax; $currency),
            restocked: .restocked } ],
          shipping: money($taken.carriage; $currency),
          tax_total: money($tax; $currency),
          adjustment: money($amount - $worth; $currency),
          taxes_included: $order.taxes_included,
          method: (.gateways[0] // null | if . == null then null else how_paid end),
          gateway: (.gateways[0] | short(255)),
          reference: .id,
          reason: (.note | short(1000)),
          test: $order.test }
        | present)
    };

renamed_order
| party as $party
| (if .customer == null then guest_event($party) else .customer | customer_event end),
  order_event($party; .refunds | taken_off),
  payment_events($party),
  refund_events($party)
