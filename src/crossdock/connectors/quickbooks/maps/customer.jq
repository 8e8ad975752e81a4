# A Customer as QuickBooks shows it → customer.
def text: if type == "string" and (gsub("\\s+"; " ") | ltrimstr(" ") | rtrimstr(" ")) != "" then . else null end;
def present: with_entries(select(.value != null and .value != {} and .value != []));

def address:
  { line1: (.Line1 | text), line2: (.Line2 | text), city: (.City | text), region_code: (.CountrySubDivisionCode | text),
    postal_code: (.PostalCode | text), country: (.Country | text | if . then country(.) else null end) }
  | present;

{
  model: "customer",
  verb: (if .MetaData.CreateTime == .MetaData.LastUpdatedTime then "created" else "updated" end),
  id: .Id,
  version: instant(.MetaData.LastUpdatedTime),
  data: (
    { name: .DisplayName,
      first_name: (.GivenName | text),
      last_name: (.FamilyName | text),
      company: (.CompanyName | text),
      email: (.PrimaryEmailAddr.Address | text),
      currency: .CurrencyRef.value,
      addresses: ([.BillAddr, .ShipAddr] | map(select(. != null) | address) | map(select(. != {})) | unique) }
    | present)
}
