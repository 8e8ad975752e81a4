# What the maps of QuickBooks' records share. `home_currency` is the company's, for records of companies with only one.
def said: if type == "string" then text_line(.) else null end;
def present: with_entries(select(.value != null and .value != {} and .value != []));
def currency: .CurrencyRef.value // home_currency;
def amount($currency): if . == null then null else money(.; $currency) end;

# {Line1 …} → address, null when it says nothing. The country is free text in QuickBooks.
def address:
  if . == null then null
  else
    { line1: (.Line1 | said), line2: (.Line2 | said), city: (.City | said), region_code: (.CountrySubDivisionCode | said),
      postal_code: (.PostalCode | said), country: (.Country as $country | (country($country)? // null)) }
    | if (.region_code // "" | length) > 10 then .region = .region_code | del(.region_code) else . end
    | present
    | if . == {} then null else . end
  end;

def event($model; $data):
  {
    model: $model,
    verb: (if .MetaData.CreateTime == .MetaData.LastUpdatedTime then "created" else "updated" end),
    id: .Id,
    version: instant(.MetaData.LastUpdatedTime),
    data: ($data | present)
  };

def customer_ref: { key: entity_key("customer"; .CustomerRef.value), name: (.CustomerRef.name | said) } | present;
