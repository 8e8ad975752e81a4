# A deal as HubSpot shows it → deal. Its stage tells won and lost; the row of stages is the account's own.
def said: if . == null then null else text_line(tostring) end;
def present: with_entries(select(.value != null));

.properties as $is
| {
    model: "deal",
    verb: (if .createdAt == .updatedAt then "created" else "updated" end),
    id: .id,
    version: instant(.updatedAt),
    data: (
      { name: ($is.dealname | said // "Deal"),
        amount: (if ($is.amount | said) == null or ($is.deal_currency_code | said) == null then null
          else money($is.amount; $is.deal_currency_code) end),
        stage: (if $is.hs_is_closed_won == "true" then "won" elif $is.hs_is_closed == "true" then "lost"
          else { "appointmentscheduled": "new", "qualifiedtobuy": "qualified", "presentationscheduled": "proposed",
                 "decisionmakerboughtin": "committed", "contractsent": "committed", "closedwon": "won",
                 "closedlost": "lost" }[$is.dealstage // ""] // "new" end),
        pipeline: ($is.pipeline | said),
        platform_stage: ($is.dealstage | said),
        closed_at: (if $is.hs_is_closed == "true" then instant($is.closedate) else null end),
        closes_on: (if $is.hs_is_closed == "true" or $is.closedate == null then null else date_in($is.closedate; "UTC") end),
        notes: ($is.description | text_clean(.)) }
      | present)
  }
