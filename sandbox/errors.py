"""The platform's error codes: response bodies, HTTP statuses, texts."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.compact_json import compact_bytes

HREF = "/documentation/business-messaging/whatsapp/support/error-codes"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the error table; `http` is the status of the synchronous answer."""

    http: int
    title: str
    details: str


ERRORS: dict[int, ErrorKind] = {
    1: ErrorKind(500, "An unknown error occurred", "Invalid request or possible server error."),
    2: ErrorKind(503, "Service temporarily unavailable", "The service is down or overloaded."),
    4: ErrorKind(400, "Application request limit reached", "The app made too many calls."),
    10: ErrorKind(403, "Application does not have permission", "Permission was removed."),
    100: ErrorKind(400, "Invalid parameter", "A parameter is unsupported or misspelled."),
    104: ErrorKind(400, "An access token is required", "The request has no access token."),
    190: ErrorKind(401, "Invalid OAuth access token", "The access token is not valid."),
    200: ErrorKind(403, "Provide valid app ID", "The request has no access token."),
    368: ErrorKind(403, "Temporarily blocked for policies violations", "It is restricted."),
    80007: ErrorKind(400, "Rate limit issues", "The account made too many management calls."),
    130403: ErrorKind(400, "User is blocked", "The business has blocked this user."),
    130429: ErrorKind(400, "Rate limit hit", "Cloud API message throughput has been reached."),
    130472: ErrorKind(
        400, "User's number is part of an experiment", "The message was not sent for an experiment."
    ),
    130497: ErrorKind(
        403, "Business account is restricted from messaging users in this country", "Not allowed."
    ),
    131000: ErrorKind(500, "Something went wrong", "The message failed for an unknown reason."),
    131005: ErrorKind(403, "Access denied", "Permission is missing for this number."),
    131008: ErrorKind(400, "Required parameter is missing", "A required parameter is missing."),
    131009: ErrorKind(400, "Parameter value is not valid", "A parameter value is not valid."),
    131016: ErrorKind(503, "Service unavailable", "A service is temporarily unavailable."),
    131021: ErrorKind(400, "Recipient cannot be sender", "Sender and recipient are the same."),
    131026: ErrorKind(400, "Message undeliverable", "The message cannot be delivered."),
    131031: ErrorKind(403, "Business account locked", "The account is restricted or disabled."),
    131042: ErrorKind(
        400, "Business eligibility payment issue", "There is a problem with the payment method."
    ),
    131045: ErrorKind(500, "Incorrect certificate", "The number's registration has a problem."),
    131047: ErrorKind(
        400, "Re-engagement message", "More than 24 hours have passed since the user's last reply."
    ),
    131048: ErrorKind(
        400, "Spam rate limit hit", "This number may not send more messages for now."
    ),
    131049: ErrorKind(
        400,
        "This message was not delivered to maintain healthy ecosystem engagement.",
        "The user's share of marketing messages is used up.",
    ),
    131050: ErrorKind(
        400, "User has stopped marketing messages", "The user chose not to get them from you."
    ),
    131051: ErrorKind(400, "Unsupported message type", "The message type is not supported."),
    131053: ErrorKind(400, "Media upload error", "The media could not be found or used."),
    131056: ErrorKind(
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Too many messages from this number to the same recipient.",
    ),
    131057: ErrorKind(500, "Account in maintenance mode", "The throughput is being upgraded."),
    131062: ErrorKind(400, "Recipient not supported", "This message needs a phone number."),
    131063: ErrorKind(400, "Marketing templates disabled", "Not allowed on this endpoint."),
    131064: ErrorKind(400, "Messaging limit reached", "Templates were misclassified."),
    132000: ErrorKind(
        400, "Number of parameters does not match the expected number of params", "Count differs."
    ),
    132001: ErrorKind(
        404, "Template name does not exist in the translation", "No such approved template."
    ),
    132005: ErrorKind(400, "Translated text too long", "The text is too long."),
    132007: ErrorKind(400, "Content policy violated", "The content is not allowed."),
    132012: ErrorKind(
        400, "Parameter format does not match format in the created template", "Format differs."
    ),
    132015: ErrorKind(400, "Template is paused", "The template is paused for low quality."),
    132016: ErrorKind(400, "Template is disabled", "The template is disabled for good."),
    132018: ErrorKind(400, "Template parameter is not valid", "A parameter cannot be used."),
    133004: ErrorKind(503, "Server temporarily unavailable", "Try again later."),
    133010: ErrorKind(
        400, "Account not registered", "The number is not registered on the platform."
    ),
    135000: ErrorKind(400, "Generic user error", "There is an error in the request."),
}
_UNLISTED = ErrorKind(400, "Error", "An error of this code.")


class Refusal(Exception):  # noqa: N818 - a response of the platform, not an error of ours
    """A Graph error for a request that was not processed. Raised by the validation rules."""

    def __init__(
        self,
        code: int,
        details: str = "",
        *,
        http: int | None = None,
        subcode: int | None = None,
    ) -> None:
        kind = ERRORS.get(code, _UNLISTED)
        self.code = code
        self.http = http if http is not None else kind.http
        self.details = details or kind.details
        self.subcode = subcode
        super().__init__(f"{code}: {self.details}")


def unknown_object(name: str) -> Refusal:
    """The error for an id that does not exist or is not ours."""
    details = f"Unsupported request. Object with ID '{name}' does not exist or cannot be loaded."
    return Refusal(100, details, subcode=33)


def refusal_body(refusal: Refusal, trace: str) -> bytes:
    """The JSON of a synchronous error."""
    kind = ERRORS.get(refusal.code, _UNLISTED)
    error: dict[str, object] = {
        "message": f"(#{refusal.code}) {kind.title}",
        "type": "OAuthException",
        "code": refusal.code,
    }
    if refusal.subcode == 33:
        error |= {"message": refusal.details, "type": "GraphMethodException"}
    else:
        error["error_data"] = {"messaging_product": "whatsapp", "details": refusal.details}
    if refusal.subcode is not None:
        error["error_subcode"] = refusal.subcode
    error["fbtrace_id"] = trace
    return compact_bytes({"error": error})


def status_error(code: int) -> dict[str, object]:
    """The entry of `errors` in a failed status."""
    kind = ERRORS.get(code, _UNLISTED)
    return {
        "code": code,
        "title": kind.title,
        "message": kind.title,
        "error_data": {"details": kind.details},
        "href": HREF,
    }
