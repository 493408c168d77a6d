"""Benchmarks are no part of the wheel: they are imported out of the checkout, which stands behind what is installed."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))
