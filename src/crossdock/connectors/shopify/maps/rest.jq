# Records as webhooks spell them: snake case, numeric ids, local time.

def rest_tags: (. // "") | split(",") | map(said | select(. != null) | cut(.; 255)) | unique;

def rest_address:
  if . == null then null
  else { name, company, line1: .address1, line2: .address2, city, region: .province, region_code: .province_code,
         postal_code: .zip, country: (.country_code // .country), phone } end;

def renamed_customer:
  { id: (.id | id_text), created: instant(.created_at), updated: instant(.updated_at), first_name, last_name, email, phone,
    address: (.default_address | rest_address),
    accepts_marketing: (.email_marketing_consent.state == "subscribed"),
    tax_exempt: (.tax_exempt // false), notes: .note, tags: (.tags | rest_tags) };

def renamed_product:
  { id: (.id | id_text), created: instant(.created_at), updated: instant(.updated_at), title, vendor, category: .product_type,
    status, tags: (.tags | rest_tags), gift_card: false,
    variants: [.variants[] | { id: (.id | id_text), title, sku, price, taxable }] };

def rest_taxes: [(. // [])[] | { title, rate, amount: (.price_set.shop_money.amount // .price) }];
def rest_discounts: [(.discount_allocations // [])[] | .amount_set.shop_money.amount // .amount];

def rest_refund:
  { lines: [(.refund_line_items // [])[]
      | { line: (.line_item_id | id_text), quantity,
          subtotal: (.subtotal_set.shop_money.amount // .subtotal), tax: (.total_tax_set.shop_money.amount // .total_tax) }],
    shipping: [(.order_adjustments // [])[] | select(.kind == "shipping_refund")
      | { amount: (.amount_set.shop_money.amount // .amount | tonumber | -.),
          tax: (.tax_amount_set.shop_money.amount // .tax_amount | tonumber | -.) }],
    adjustments: [(.order_adjustments // [])[] | select(.kind != "shipping_refund")
      | { amount: (.amount_set.shop_money.amount // .amount), tax: (.tax_amount_set.shop_money.amount // .tax_amount) }],
    given_back: [(.transactions // [])[] | select(.kind == "refund" and .status == "success")
      | .amount_set.shop_money.amount // .amount] };

def renamed_order:
  ([(.refunds // [])[] | rest_refund]) as $refunds
  | ([$refunds[].given_back[] | tonumber] | add // 0) as $given_back
  | {
      id: (.id | id_text), name, created: instant(.created_at), updated: instant(.updated_at),
      placed: instant(.processed_at // .created_at), cancelled: instant(.cancelled_at), cancel_reason, currency,
      financial: .financial_status,
      fulfillment: ({ "fulfilled": "fulfilled", "partial": "partially_fulfilled", "restocked": "restocked" }
        [.fulfillment_status // ""] // "unfulfilled"),
      customer: (if .customer == null then null else .customer | renamed_customer end),
      email, phone, billing: (.billing_address | rest_address), shipping: (.shipping_address | rest_address),
      lines: [.line_items[]
        | { id: (.id | id_text), product: (.variant_id | id_text), sku, title, variant_title, ordered: .quantity,
            current: (.current_quantity // .quantity), price: (.price_set.shop_money.amount // .price),
            discounts: rest_discounts, taxes: (.tax_lines | rest_taxes), taxable, gift_card }],
      shipping_lines: [(.shipping_lines // [])[] | select(.is_removed != true)
        | { id: (.id | id_text), title, code, price: (.price_set.shop_money.amount // .price),
            discounted: (.discounted_price_set.shop_money.amount // .discounted_price // .price),
            discounts: rest_discounts, taxes: (.tax_lines | rest_taxes) }],
      codes: [(.discount_codes // [])[].code],
      taxes_included, note, tags: (.tags | rest_tags), test: (.test // false),
      presentment: .total_price_set.presentment_money | { amount, currency: .currency_code },
      current_subtotal: .current_subtotal_price, current_tax: .current_total_tax, current_total: .current_total_price,
      tip: (.total_tip_received // "0"), outstanding: (.total_outstanding // "0"), given_back: $given_back,
      received: (if .cancelled_at != null then $given_back
        else (.current_total_price | tonumber) - (.total_outstanding // "0" | tonumber) + $given_back end),
      refunds: $refunds, told_payments: [], told_refunds: []
    };
