"""The texts of leak-finders.md, as templates for str.format that `page` fills."""

HEAD = """\
# Other leak finders

The plants of soak's self-test, {leaks} leaks and {decoys} decoys, given to two common ways of finding leaks:
pytest-memray's `limit_leaks`, and a trend of RSS. Plants in libraries and in processes other than the agent are left
out, because they need phones on a network, or a keeper.
"""

HOW = """\
## Method

Each finder except `mobifai soak` hosts a real agent in the measuring process, with its own relay and real shells. It
causes each event by the agent's own calls, without phones and without a network. Each cell is a separate process:
{events} events of warm-up, then {events} judged events. `mobifai soak` drives the agent as a separate process with
phones; its seconds are those of a whole run with the confirmation.

- **pytest-memray.** A generated test with the marker `limit_leaks`. Agent and warm-up are in a fixture, so they are not
  traced. The test ends {rest:g} s after its last event (a decoy's timer takes 5 s), with a garbage collection. The
  marker enables native frames and tracing of Python's allocators. Options: `{options}`; logging is off, because pytest
  keeps every captured record until the test ends. The limit applies to each call stack. It is the smallest at which
  none of {calibrations} clean runs with the same kind of event fails:
  {limits}.
  These calibration runs are not in the tables. Much of the noise that determines the limits comes from CPython's method
  cache, which the filter below removes.
- **pytest-memray, filtered.** The same records, judged with a `filter_fn` that ignores each line at which one of
  {filter_runs} calibration runs kept memory. The limit is the smallest at which the other {limit_runs} do not fail:
  {filter_limits}.
  This is computed by the plugin's rule, without another run. In practice, someone has to keep such a list of lines up
  to date. The filter also ignores the lines of the hooks that notify a plant of events, because clean runs have no
  hooks, and every plant and decoy would raise an alarm for them. This exception was made after a first look at the
  results. The filter does not know the decoys' own lines.
- **RSS.** Read at rest, {short:g} s after each {every} events, after a garbage collection, with default allocators.
  Five rules judge the same series: a straight line through the ends of 8 or 20 blocks rises (t-test of its slope,
  p < 0.05, two-sided); the Mann-Kendall test on the same values; the last value is more than 1 MiB above the first.
- **`mobifai soak`.** The verdict of its self-test, which has no clean runs.
"""

LIMITS = """\
Of the {alarmed} leaks that pytest-memray found without a filter, {named} have the plant in a reported call stack.

## Limitations of this comparison

- {events} events are few, and more were not tried. Longer runs may show more to every finder. pytest-memray took
  {memray_seconds:.0f} s for a cell and RSS {rss_seconds:.0f} s; in the time of `mobifai soak` they could have had more
  events.
- The hosted agent is quieter than one with phones: no WebRTC, no codecs, no network. Phones may cause noise that these
  limits and series do not contain; that was not measured.
- One agent, one machine, one run for each plant. A result near its limit may differ in the next run.
- pytest-memray answers another question: which allocations of this test, and at which lines, were not freed when it
  ended. It needs no harness, and names the line immediately.
- It sees memory of its own process only: no descriptors, threads, children, files or database rows. Where it finds such
  a plant, it sees the accompanying Python object. A bounded container that was full before the test and has new
  contents afterwards looks like a leak to it, as decoys with a capacity show.
- RSS does not see memory that fits into pages that the process already has.
"""

PLANT_BY_PLANT = """\
## Plant by plant

*Elsewhere*: no call stack above the limit goes through the plant. The memory belongs to the agent and is held by the
plant, or is noise that exceeded the limit. It counts as found.

"""
