"""The ids of devices and terminals, as messages and state files contain them."""

from typing import Annotated

from msgspec import Meta

from mobifai import limits

Id = Annotated[str, Meta(min_length=1, max_length=limits.MAX_ID, pattern=r"^[A-Za-z0-9_.:-]+\Z")]
