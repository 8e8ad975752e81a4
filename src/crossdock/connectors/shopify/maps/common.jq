# What the maps of both spellings share.

# Objects without their nulls: null and absent say the same.
def present:
  if type == "object" then with_entries(select(.value != null) | .value |= present)
  elif type == "array" then map(present)
  else . end;

# The number in `gid://shopify/Order/531`, or a plain id, as text.
def id_text: if . == null then null else tostring | split("/") | last | split("?") | first end;

# Blank text is none.
def said: if . == null then null else text_line(tostring) end;
def short($length): said | if . == null then null else cut(.; $length) end;

def email_address:
  said | if . != null and length <= 320 and test("^[^\\s@]+@[^\\s@]+$") then . else null end;

# A number that cannot be read for certain is left out: it matters less than the order.
def phone_number($country): . as $text | (phone($text; $country)? // null);

# {name, company, line1 …, country, phone} with the platform's texts → address, null when nothing is said.
def address:
  if . == null then null
  else
    (.country as $country | (country($country)? // null)) as $code
    | { name: (.name | short(500)), company: (.company | short(500)), line1: (.line1 | short(500)),
        line2: (.line2 | short(500)), city: (.city | short(255)), region: (.region | short(255)),
        region_code: (.region_code | short(10)), postal_code: (.postal_code | short(30)), country: $code,
        phone: (.phone | phone_number($code)) }
    | present
    | if length == 0 then null else . end
  end;

# The first sight of a record, told by its own stamps, so that every way of seeing it says the same.
def verb: if .created == .updated then "created" else "updated" end;

# --- customers ----------------------------------------------------------------------------------------------------

# Renamed customer → the model's fields that a document and a customer share.
def person:
  (.address | address) as $address
  | (.first_name | short(500)) as $first
  | (.last_name | short(500)) as $last
  | (.email | email_address) as $email
  | (.phone | phone_number($address.country)) as $phone
  | ([$first, $last | select(. != null)] | join(" ") | said) as $whole
  | { name: ($whole // $address.company // $email // $phone // "Customer \(.id)"), first_name: $first, last_name: $last,
      company: $address.company, email: $email, phone: $phone };

def customer_event:
  {
    model: "customer",
    verb: verb,
    id: .id,
    version: .updated,
    data: (
      (person + {
        addresses: [.address | address | select(. != null)],
        accepts_marketing: .accepts_marketing,
        tax_exempt: .tax_exempt,
        notes: (.notes | text_clean(.) | if . == null then null else cut(.; 10000) end),
        tags: .tags
      })
      | present)
  };
