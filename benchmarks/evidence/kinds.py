"""The kinds of evidence, in the order in which they are run.

The longest unit comes first, or it would never fit into the rest of a limited time. Then come the kinds that are most
likely to show a fault.
"""

from benchmarks.evidence.clean_runs import CLEAN_RUNS, GATE_RUNS_KIND
from benchmarks.evidence.culprits import CULPRITS
from benchmarks.evidence.example import EXAMPLE
from benchmarks.evidence.finders import LEAK_FINDERS
from benchmarks.evidence.self_test import SELF_TEST
from benchmarks.evidence.units import EvidenceKind

KINDS: tuple[EvidenceKind, ...] = (EXAMPLE, SELF_TEST, CULPRITS, CLEAN_RUNS, GATE_RUNS_KIND, LEAK_FINDERS)
