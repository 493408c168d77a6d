"""The wheel has no benchmarks: they are imported from the checkout, behind the installed packages."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))
