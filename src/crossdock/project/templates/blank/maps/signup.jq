# From the sender's record to an event: which model, what happened, whose id, how new, and the model's fields.
# The model in models/person.yaml says what `data` must be; what does not fit is put aside with the reason, never dropped.
{
  model: "person",
  verb: "created",         # a second `created` of the same person becomes `updated` by itself
  id: .person.id,
  version: .sent_at,       # sortable text: an older one that arrives late does not overwrite a newer one
  data: {
    email: .person.email,
    name: (.person.name | text_line(.)),
    newsletter: (.person.newsletter // false)
  }
}
