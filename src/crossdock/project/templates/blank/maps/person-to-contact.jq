# From the event's data to the body of the request. $event.key is the hub's own name for the person.
{
  email: .email,
  full_name: (.name // .email),
  tags: (if .newsletter then ["newsletter"] else [] end),
  reference: $event.key
}
