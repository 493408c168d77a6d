"""The containers that may grow, each with a declared limit and an entry in the ledger. MobiFai has no others."""

from mobifai.bounds.bounded_map import BoundedMap
from mobifai.bounds.byte_queue import ByteQueue
from mobifai.bounds.byte_ring import ByteRing
from mobifai.bounds.history import History
from mobifai.bounds.item_queue import ItemQueue
from mobifai.bounds.ledger import Bound, Entry, Ledger

__all__ = ["Bound", "BoundedMap", "ByteQueue", "ByteRing", "Entry", "History", "ItemQueue", "Ledger"]
