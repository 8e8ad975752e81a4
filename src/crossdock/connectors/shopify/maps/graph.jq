# Records as GraphQL spells them: camel case, ids like gid://shopify/Order/531, UTC.

def graph_tags: (. // []) | map(said | select(. != null) | cut(.; 255)) | unique;

def graph_address:
  if . == null then null
  else { name, company, line1: .address1, line2: .address2, city, region: .province, region_code: .provinceCode,
         postal_code: .zip, country: .countryCodeV2, phone } end;

def renamed_customer:
  { id: .legacyResourceId, created: instant(.createdAt), updated: instant(.updatedAt), first_name: .firstName,
    last_name: .lastName, email: .defaultEmailAddress.emailAddress, phone: .defaultPhoneNumber.phoneNumber,
    address: (.defaultAddress | graph_address),
    accepts_marketing: (.defaultEmailAddress.marketingState == "SUBSCRIBED"),
    tax_exempt: (.taxExempt // false), notes: .note, tags: (.tags | graph_tags) };

def renamed_product:
  { id: .legacyResourceId, created: instant(.createdAt), updated: instant(.updatedAt), title, vendor, category: .productType,
    status: (.status | ascii_downcase), tags: (.tags | graph_tags), gift_card: (.isGiftCard // false),
    variants: [.variants.nodes[] | { id: .legacyResourceId, title, sku, price, taxable }] };

def shop_amount: .shopMoney.amount;
def graph_taxes: [(. // [])[] | { title, rate, amount: (.priceSet | shop_amount) }];
def graph_discounts: [(.discountAllocations // [])[] | .allocatedAmountSet | shop_amount];

def graph_refund:
  { id: .legacyResourceId, at: instant(.processedAt // .createdAt), created: instant(.createdAt // .processedAt), note,
    lines: [.refundLineItems.nodes[]
      | { line: (.lineItem.id | id_text), sku: .lineItem.sku, title: .lineItem.title, quantity, restocked,
          subtotal: (.subtotalSet | shop_amount), tax: (.totalTaxSet | shop_amount) }],
    shipping: [.refundShippingLines.nodes[]
      | { amount: (.subtotalAmountSet | shop_amount), tax: (.taxAmountSet | shop_amount) }],
    adjustments: [.orderAdjustments.nodes[] | { amount: (.amountSet | shop_amount), tax: (.taxAmountSet | shop_amount) }],
    gateways: [.transactions.nodes[] | select(.kind == "REFUND" and .status == "SUCCESS") | .gateway],
    given_back: [.transactions.nodes[] | select(.kind == "REFUND" and .status == "SUCCESS") | .amountSet | shop_amount] };

def renamed_order:
  ([(.refunds // [])[] | graph_refund]) as $refunds
  | {
      id: .legacyResourceId, name, created: instant(.createdAt), updated: instant(.updatedAt),
      placed: instant(.processedAt // .createdAt), cancelled: instant(.cancelledAt),
      cancel_reason: (.cancelReason | if . == null then null else ascii_downcase end), currency: .currencyCode,
      financial: (.displayFinancialStatus // "PENDING" | ascii_downcase),
      fulfillment: ({ "FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partially_fulfilled", "RESTOCKED": "restocked" }
        [.displayFulfillmentStatus // ""] // "unfulfilled"),
      customer: (if .customer == null then null else .customer | renamed_customer end),
      email, phone, billing: (.billingAddress | graph_address), shipping: (.shippingAddress | graph_address),
      lines: [.lineItems.nodes[]
        | { id: (.id | id_text), product: .variant.legacyResourceId, sku, title, variant_title: .variantTitle,
            ordered: .quantity, current: .currentQuantity, price: (.originalUnitPriceSet | shop_amount),
            discounts: graph_discounts, taxes: (.taxLines | graph_taxes), taxable, gift_card: .isGiftCard }],
      shipping_lines: [.shippingLines.nodes[]
        | { id: (.id | id_text), title, code, price: (.originalPriceSet | shop_amount),
            discounted: (.discountedPriceSet | shop_amount), discounts: graph_discounts, taxes: (.taxLines | graph_taxes) }],
      codes: (.discountCodes // []),
      taxes_included: .taxesIncluded, note, tags: (.tags | graph_tags), test: (.test // false),
      presentment: .totalPriceSet.presentmentMoney | { amount, currency: .currencyCode },
      current_subtotal: (.currentSubtotalPriceSet | shop_amount), current_tax: (.currentTotalTaxSet | shop_amount),
      current_total: (.currentTotalPriceSet | shop_amount), tip: (.totalTipReceivedSet | shop_amount),
      outstanding: (.totalOutstandingSet | shop_amount), given_back: (.totalRefundedSet | shop_amount),
      received: (.totalReceivedSet | shop_amount),
      refunds: $refunds,
      told_payments: [(.transactions // [])[] | select((.kind == "SALE" or .kind == "CAPTURE") and .status == "SUCCESS")
        | { id: (.id | id_text), at: instant(.processedAt), gateway, amount: (.amountSet | shop_amount), test: (.test // false) }],
      told_refunds: $refunds
    };
