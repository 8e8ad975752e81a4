# One submission of the form tells of a person and of what they booked.
def known: with_entries(select(.value != null));

(.email | text_line(.) | ascii_downcase) as $email
| {
    model: "customer",
    verb: "created",
    id: $email,                    # the form knows people by nothing else
    version: .sent_at,
    data: {name: text_line(.name), email: $email, phone: phone(.phone; "DE")} | known
  },
  {
    model: "booking",
    verb: "created",
    id: .submission,
    version: .sent_at,
    data: {
      customer: {key: entity_key("customer"; $email)},
      course: .course,
      day: day(.day; "dmy"),
      places: (.places | tonumber),
      price: money(.price; "EUR"; ",")
    }
  }
