from __future__ import annotations

from decimal import Decimal
from typing import Any

JMESPATH = """{
  resourceType: 'Bundle', type: 'collection', timestamp: segments[0].fields[7],
  patient: segments[?name == 'PID'].fields | [0] | {resourceType: 'Patient', id: [3][0][0],
    identifier: [3][].{value: [0], system: [3], type: {code: [4]}}, name: [{family: [5][0], given: [5][1:3]}],
    birthDate: [7], gender: [8], telecom: [13][].{system: 'phone', value: @}},
  observations: segments[?name == 'OBX'].fields[].{resourceType: 'Observation', id: [1], status: [11],
    code: {coding: [{code: [3][0], display: [3][1], system: 'http://loinc.org'}]}, effectiveDateTime: [14],
    valueQuantity: {value: to_number([5]), unit: [6]}, referenceRange: [{text: [7]}], interpretation: [8]}
}"""


def sample(lines: int) -> dict[str, Any]:
    return {
        "segments": [
            {"name": "MSH", "fields": ["MSH", "^~\\&", "LAB", "NORTH", "EHR", "NORTH", "", "20260305112233", ""]},
            {"name": "PID", "fields": [
                "PID", "1", "", [["4711", "", "", "NORTH", "MR"], ["9434765919", "", "", "NHS", "NH"]], "",
                ["Ruiz", "Ana", "", "", ""], "", "19840229", "F", "", "", "", "", ["+442079460018"],
            ]},
            {"name": "OBR", "fields": ["OBR", "1", "A-77", "B-78", ["24323-8", "Panel"], "", "", "202603051045"]},
            *({"name": "OBX", "fields": _observation(number)} for number in range(lines)),
            {"name": "NTE", "fields": ["NTE", "1", "", "Sample slightly haemolysed"]},
        ]
    }  # fmt: skip


def _observation(number: int) -> list[Any]:
    numeric = number % 4 != 3
    return [
        "OBX", str(number + 1), "NM" if numeric else "ST", [f"{2345 + number}-7", f"Analyte {number}", "LN"], "",
        f"{4 + number}.{number % 10}0" if numeric else "not detected", "mmol/L" if numeric else "",
        "3.9-5.8" if numeric else "", "H" if number % 3 == 1 else "", "", "", "F" if number % 5 else "C", "", "",
        "20260305104500" if number % 2 else "",
    ]  # fmt: skip


GENDERS = {"M": "male", "F": "female", "O": "other"}
STATES = {"F": "final", "C": "corrected"}


def date(text: str | None) -> str | None:
    return f"{text[0:4]}-{text[4:6]}-{text[6:8]}" if text else None


def instant(text: str) -> str | None:
    return date(text) if len(text) < 12 else f"{date(text)}T{text[8:10]}:{text[10:12]}:00Z"


def number(text: str) -> Any:
    return int(text) if text.isdigit() else Decimal(text)


def present(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if value is not None}


def field(fields: list[Any], at: int) -> Any:
    return fields[at] if len(fields) > at else None


def patient(pid: list[Any]) -> dict[str, Any]:
    return present({
        "resourceType": "Patient",
        "id": pid[3][0][0],
        "identifier": [{"value": each[0], "system": each[3], "type": {"code": each[4]}} for each in pid[3]],
        "name": [{"family": pid[5][0], "given": [name for name in pid[5][1:3] if name != ""]}],
        "birthDate": date(field(pid, 7)),
        "gender": GENDERS.get(field(pid, 8), "unknown"),
        "telecom": [{"system": "phone", "value": each} for each in field(pid, 13) or ()],
    })  # fmt: skip


def observation(obx: list[Any], subject: str, taken_at: str) -> dict[str, Any]:
    numeric = obx[2] == "NM"
    return present({
        "resourceType": "Observation",
        "id": f"{subject}-{obx[1]}",
        "status": STATES.get(field(obx, 11), "preliminary"),
        "code": {"coding": [{"code": obx[3][0], "display": obx[3][1], "system": "http://loinc.org"}]},
        "subject": {"reference": f"Patient/{subject}"},
        "effectiveDateTime": instant(field(obx, 14) or taken_at),
        "valueQuantity": {"value": number(obx[5]), "unit": obx[6]} if numeric else None,
        "valueString": None if numeric else obx[5],
        "referenceRange": [{"text": obx[7]}] if obx[7] else None,
        "interpretation": obx[8] or None,
    })  # fmt: skip


def by_hand(report: dict[str, Any]) -> dict[str, Any]:
    segments = report["segments"]
    pid = next(segment["fields"] for segment in segments if segment["name"] == "PID")
    obr = next(segment["fields"] for segment in segments if segment["name"] == "OBR")
    subject = pid[3][0][0]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": instant(segments[0]["fields"][7]),
        "entry": [
            {"resource": patient(pid)},
            *(
                {"resource": observation(segment["fields"], subject, obr[7])}
                for segment in segments
                if segment["name"] == "OBX"
            ),
        ],
    }
