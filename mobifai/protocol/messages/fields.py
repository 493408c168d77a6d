"""The base of every message, types of fields that several messages share, and payloads that belong to no section."""

from typing import Annotated

from msgspec import Meta, Struct

from mobifai import limits
from mobifai.protocol.ids import Id

Name = Annotated[str, Meta(max_length=limits.MAX_NAME)]
Text = Annotated[str, Meta(max_length=limits.MAX_INPUT)]
Token = Annotated[str, Meta(max_length=limits.MAX_TOKEN, pattern=r"^[!-~]*\Z")]  # it is sent in an HTTP header
Remark = Annotated[str, Meta(max_length=2000)]
Sdp = Annotated[str, Meta(max_length=limits.MAX_SDP)]
Number = Annotated[int, Meta(ge=-(2**53), le=2**53)]  # exact in every JSON implementation
Position = Annotated[int, Meta(ge=0, le=2**53)]
Hex = Annotated[str, Meta(min_length=2, max_length=256, pattern=r"^[0-9a-fA-F]+\Z")]
Feature = Annotated[str, Meta(max_length=limits.MAX_ID)]
FeatureNames = Annotated[tuple[Feature, ...], Meta(max_length=limits.MAX_FEATURES)]


class Message(Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The base of every payload. Unknown fields of a received payload are ignored."""


class Echo(Message, frozen=True):
    """`relay:echo` and `system:echo`, additions of this project: a connection test. The receiver sends it back."""

    nonce: Id


class Empty(Message, frozen=True):
    """A payload whose content is ignored."""
