"""What may be given to the API: kept as it is, or refused."""

import re
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from unbroken import names
from unbroken.errors import InvalidInput
from unbroken.log.plain import is_plain

TEXT_CHARS_MAX = 256 << 10
NOT_PLAIN = "JSON here has 64-bit numbers, no NaN and no lone surrogates, and is 100 levels deep"
# What `names.check_new` refuses, and `_sayable`, in the words of the contract.
NAME_SCHEMA: dict[str, Any] = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$"}
TEXT_SCHEMA: dict[str, Any] = {"pattern": r"^[^\u0000]*$"}
_DIGITS = re.compile("[0-9]+")

T = TypeVar("T")


def _named(text: str) -> str:
    try:
        return names.check_new("the name", text)
    except InvalidInput as error:
        raise ValueError(str(error)) from error


def _sayable(text: str) -> str:
    try:
        return names.check_text("the text", text)
    except InvalidInput as error:
        raise ValueError(str(error)) from error


def _plain(facts: T) -> T:
    if not is_plain(facts):
        raise ValueError(NOT_PLAIN)
    return facts


def _digits(text: object) -> object:
    if isinstance(text, str) and not _DIGITS.fullmatch(text):
        raise ValueError("a whole number is digits only")
    return text


Name = Annotated[
    str,
    Field(min_length=1, max_length=names.NEW_CHARS_MAX, json_schema_extra=NAME_SCHEMA),
    AfterValidator(_named),
]
Sayable = AfterValidator(_sayable)  # behind all that is said of its length
Text = Annotated[str, Field(max_length=TEXT_CHARS_MAX, json_schema_extra=TEXT_SCHEMA), Sayable]
Facts = Annotated[dict[str, Any], AfterValidator(_plain)]  # whatever JSON an application has
Digits = BeforeValidator(_digits)  # of a whole number in a query


class SummaryIn(BaseModel):
    """Of a room's call: whatever an application knows of it."""

    model_config = ConfigDict(extra="allow")

    room_name: Name = Field(validation_alias=AliasChoices("room_name", "room"))

    @model_validator(mode="after")
    def _is_kept(self) -> "SummaryIn":
        _plain(self.model_extra)
        return self
