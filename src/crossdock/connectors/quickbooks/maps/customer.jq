# A Customer → customer.
event("customer";
  { name: .DisplayName,
    first_name: (.GivenName | said),
    last_name: (.FamilyName | said),
    company: (.CompanyName | said),
    email: (.PrimaryEmailAddr.Address | said | if . == null then null else split(",") | first | said end
      | if . != null and test("^[^\\s@]+@[^\\s@]+$") then . else null end),
    phone: (.BillAddr.Country as $country | .PrimaryPhone.FreeFormNumber as $phone
      | (phone($phone; $country)? // (phone($phone)? // null))),
    currency: currency,
    addresses: ([.BillAddr, .ShipAddr] | map(address | select(. != null)) | unique) })
