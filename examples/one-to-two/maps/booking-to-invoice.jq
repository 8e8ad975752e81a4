{
  customer_id: $needs.customer,    # what the books call the customer
  reference: $event.key,
  lines: [
    {
      text: "Course \(.course), \(.day)",
      account: lookup("accounts"; .course),
      quantity: .places,
      price: .price.amount,
      amount: (money_times(.price; .places) | .amount)
    }
  ],
  currency: .price.currency
}
