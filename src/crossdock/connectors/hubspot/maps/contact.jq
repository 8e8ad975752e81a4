# A contact as HubSpot shows it → customer.
def said: if . == null then null else text_line(tostring) end;
def present: with_entries(select(.value != null and .value != {} and .value != []));

.id as $id
| .properties as $is
| ([$is.firstname, $is.lastname | said | select(. != null)] | join(" ") | said) as $whole
| {
    model: "customer",
    verb: (if .createdAt == .updatedAt then "created" else "updated" end),
    id: $id,
    version: instant(.updatedAt),
    data: (
      { name: ($whole // ($is.company | said) // ($is.email | said) // "Contact \($id)"),
        first_name: ($is.firstname | said),
        last_name: ($is.lastname | said),
        company: ($is.company | said),
        email: ($is.email | said),
        phone: ($is.phone as $phone | (phone($phone; $is.country)? // null)),
        addresses: [
          { line1: ($is.address | said), city: ($is.city | said), region: ($is.state | said),
            postal_code: ($is.zip | said), country: (country($is.country)? // null) }
          | present | select(. != {}) ] }
      | present)
  }
