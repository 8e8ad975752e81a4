# GitHub's `issues` event, whatever its action: opened, edited, closed, reopened… The whole issue is in each.
.issue
| {
    model: "issue",
    verb: "created",          # the hub makes it `updated` for an issue that it knows
    id: .id,
    version: .updated_at,
    data: {
      number: .number,
      title: text_line(.title),
      text: text_clean(.body),
      state: .state,
      reporter: .user.login,
      url: .html_url
    } | with_entries(select(.value != null))
  }
