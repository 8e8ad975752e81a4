# An order of a shop → the invoice that bills it.
def amount: . // "0" | tonumber;

def address:
  if . == null then null
  else
    { Line1: .address1, Line2: .address2, City: .city, CountrySubDivisionCode: .province_code, PostalCode: .zip,
      Country: .country_code }
    | with_entries(select(.value != null))
  end;

.currency as $currency
| {
    DocNumber: (.name | ltrimstr("#")),
    TxnDate: .created_at[0:10],
    CurrencyRef: { value: $currency },
    CustomerRef: {
      value: (.customer.id | tostring),
      name: ([.customer.first_name, .customer.last_name] | map(select(. != null)) | join(" "))
    },
    BillEmail: { Address: (.email // .contact_email) },
    BillAddr: (.billing_address | address),
    ShipAddr: (.shipping_address // .billing_address | address),
    Line: [
      (.line_items[] | select(.quantity > 0) | {
        DetailType: "SalesItemLineDetail",
        Description: ([.title, .variant_title] | map(select(. != null)) | join(", ")),
        Amount: ((.price | amount) * .quantity - ([.discount_allocations[].amount | amount] | add // 0)),
        SalesItemLineDetail: {
          ItemRef: { value: (.sku // "UNKNOWN") },
          Qty: .quantity,
          UnitPrice: (.price | amount),
          TaxCodeRef: { value: (if .taxable then "TAX" else "NON" end) }
        }
      }),
      (.shipping_lines[] | {
        DetailType: "SalesItemLineDetail",
        Description: .title,
        Amount: (.price | amount),
        SalesItemLineDetail: { ItemRef: { value: "SHIPPING_ITEM_ID" } }
      })
    ],
    TxnTaxDetail: { TotalTax: ([.line_items[].tax_lines[].price | amount] | add // 0) },
    PrivateNote: "Order \(.name), paid in \($currency) by \(.payment_gateway_names | join(" and "))"
  }
