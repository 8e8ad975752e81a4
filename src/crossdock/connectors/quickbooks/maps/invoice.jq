# An Invoice → invoice. QuickBooks' line amounts are without tax; its subtotal lines add nothing.
currency as $currency
| event("invoice";
  { number: (.DocNumber // .Id),
    customer: customer_ref,
    status: (if .TotalAmt == 0 and .PrivateNote == "Voided" then "void" elif .Balance == 0 then "paid" else "open" end),
    issued_on: .TxnDate,
    due_on: .DueDate,
    currency: $currency,
    email: (.BillEmail.Address | said),
    billing_address: (.BillAddr | address),
    shipping_address: (.ShipAddr | address),
    lines: [ .Line[]
      | select(.DetailType == "SalesItemLineDetail" or .DetailType == "DiscountLineDetail")
      | (.DetailType == "DiscountLineDetail") as $discount
      | { id: .Id,
          kind: (if $discount then "discount" elif .SalesItemLineDetail.ItemRef.value == "SHIPPING_ITEM_ID" then "shipping"
            else "product" end),
          description: (.Description | said // .SalesItemLineDetail.ItemRef.name // (if $discount then "Discount" else "Item" end)),
          product: (.SalesItemLineDetail.ItemRef.value
            | if . == null or . == "SHIPPING_ITEM_ID" then null else { key: entity_key("product"; .) } end),
          quantity: .SalesItemLineDetail.Qty,
          unit_price: (if .SalesItemLineDetail.UnitPrice == null then null
            else price(.SalesItemLineDetail.UnitPrice; $currency) end),
          amount: ((.Amount // 0) * (if $discount then -1 else 1 end) | amount($currency)) }
      | present ],
    tax_total: (.TxnTaxDetail.TotalTax // 0 | amount($currency)),
    total: (.TotalAmt | amount($currency)),
    outstanding: (.Balance | amount($currency)),
    memo: (.CustomerMemo.value | said),
    notes: (.PrivateNote | text_clean(.)) })
