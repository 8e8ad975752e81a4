# The segments of a laboratory's report (HL7 v2 ORU, split into fields) → a bundle of resources.
def date: if . == null or . == "" then null else "\(.[0:4])-\(.[4:6])-\(.[6:8])" end;
def instant: if length < 12 then date else "\(date)T\(.[8:10]):\(.[10:12]):00Z" end;
def said: if . == "" then null else . end;
def present: with_entries(select(.value != null));

(.segments | map(select(.name == "PID")) | first | .fields) as $pid
| ([.segments[] | select(.name == "OBR") | .fields] | first) as $obr
| ($pid[3][0][0]) as $id
| {
    resourceType: "Bundle",
    type: "collection",
    timestamp: (.segments[0].fields[7] | instant),
    entry: [
      { resource: ({
          resourceType: "Patient",
          id: $id,
          identifier: [$pid[3][] | {value: .[0], system: .[3], type: {code: .[4]}}],
          name: [{family: $pid[5][0], given: [$pid[5][1:3][] | select(. != "")]}],
          birthDate: ($pid[7] | date),
          gender: ({M: "male", F: "female", O: "other"}[$pid[8]] // "unknown"),
          telecom: [$pid[13][]? | {system: "phone", value: .}]
        } | present) },
      (.segments[] | select(.name == "OBX") | .fields | {
        resource: ({
          resourceType: "Observation",
          id: "\($id)-\(.[1])",
          status: (if .[11] == "F" then "final" elif .[11] == "C" then "corrected" else "preliminary" end),
          code: {coding: [{code: .[3][0], display: .[3][1], system: "http://loinc.org"}]},
          subject: {reference: "Patient/\($id)"},
          effectiveDateTime: ((.[14] | said) // $obr[7] | instant),
          valueQuantity: (if .[2] == "NM" then {value: (.[5] | tonumber), unit: .[6]} else null end),
          valueString: (if .[2] == "NM" then null else .[5] end),
          referenceRange: (if .[7] == "" then null else [{text: .[7]}] end),
          interpretation: (.[8] | said)
        } | present)
      })
    ]
  }
