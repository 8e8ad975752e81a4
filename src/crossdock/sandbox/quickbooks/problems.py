"""QuickBooks faults: code, message and detail as the API words them.

Sources: Intuit docs, "Common errors" (codes and actions); answers quoted in public issue threads of the PHP,
.NET, Ruby and Python SDKs (wording). Where no source gives the wording the text is ours and says what is wrong.
"""

from typing import Any

INACTIVE = (
    "Something you're trying to use has been made inactive. "
    "Check the fields with accounts, customers, items, vendors or employees."
)


class FaultError(Exception):
    """A request that QuickBooks refuses. `element` names the field, where the API names one."""

    def __init__(
        self,
        code: str,
        message: str,
        detail: str,
        *,
        element: str = "",
        kind: str = "ValidationFault",
        status: int = 400,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.message = message
        self.detail = detail
        self.element = element
        self.kind = kind
        self.status = status

    def envelope(self) -> dict[str, Any]:
        error = {"Message": self.message, "Detail": self.detail, "code": self.code, "element": self.element}
        return {"Fault": {"Error": [error], "type": self.kind}}


def unsupported(what: str) -> FaultError:
    return FaultError("500", "Unsupported Operation", f"Operation {what} is not supported.")


def not_found(detail: str = INACTIVE) -> FaultError:
    return FaultError("610", "Object Not Found", f"Object Not Found : {detail}")


def deleted() -> FaultError:
    return not_found("Another user has deleted this transaction.")


def unknown_property(name: str, why: str = "is unsupported or invalid") -> FaultError:
    return FaultError(
        "2010",
        "Request has invalid or unsupported property",
        f"Property Name:{name} specified {why}",
        element=name,
    )


def missing(name: str) -> FaultError:
    return FaultError(
        "2020",
        "Required param missing, need to supply the required value for the API",
        f"Required parameter {name} is missing in the request",
        element=name,
    )


def wrong_length(name: str, maximum: int, supplied: int, minimum: int = 0) -> FaultError:
    return FaultError(
        "2050",
        "String length is either shorter or longer than supported by specification",
        f"String length specified does not match the supported length. "
        f"Min:{minimum} Max:{maximum} supported. Supplied length:{supplied}",
        element=name,
    )


def invalid_enumeration(name: str, value: str) -> FaultError:
    return FaultError("2170", "Invalid Enumeration", f"Invalid Enumeration : {value}", element=name)


def invalid_email(name: str) -> FaultError:
    return FaultError(
        "2210",
        "Invalid Email Address format",
        "Email Address does not conform to the syntax rules of RFC 822.",
        element=name,
    )


def invalid_reference(element: str, detail: str | None = None) -> FaultError:
    return FaultError("2500", "Invalid Reference Id", f"Invalid Reference Id : {detail or element}", element=element)


def unparsable_query(detail: str) -> FaultError:
    return FaultError("4000", "Error parsing query", f"QueryParserError: {detail}")


def invalid_query(detail: str) -> FaultError:
    return FaultError("4001", "Invalid query", f"QueryValidationError: {detail}")


def stale() -> FaultError:
    return FaultError(
        "5010",
        "Stale Object Error",
        "Stale Object Error : You and root were working on this at the same time. "
        "root finished before you did, so your work was not saved.",
    )


def business(detail: str, element: str = "") -> FaultError:
    return FaultError(
        "6000",
        "A business validation error has occurred while processing your request",
        f"Business Validation Error: {detail}",
        element=element,
    )


def amount_mismatch(supplied: str) -> FaultError:
    return FaultError(
        "6070",
        "Amount calculation incorrect in the request",
        f"Amount is not equal to UnitPrice * Qty. Supplied value:{supplied}",
        element="Line.Amount",
    )


def duplicate_number(number: str, holder: str) -> FaultError:
    return FaultError(
        "6140",
        "Duplicate Document Number Error",
        "Duplicate Document Number Error : You must specify a different number. This number has already been "
        f"used. DocNumber={number} is assigned to TxnType={holder}",
        element="DocNumber",
    )


def period_closed() -> FaultError:
    return FaultError(
        "6210",
        "Account Period Closed, Cannot Update Through Services API",
        "The account period has closed and the account books cannot be updated through through the QBO Services API.",
        element="TxnDate",
    )


def duplicate_name(who: str) -> FaultError:
    return FaultError(
        "6240",
        "Duplicate Name Exists Error",
        f"The name supplied already exists. : {who}",
    )


def sold_before_stock(start: str) -> FaultError:
    return FaultError(
        "6270",
        "Invalid transaction date for inventory",
        f"Transaction date is prior to start date for inventory item ({start}).",
        element="TxnDate",
    )
