"""The command behind `nox -s fuzz`: fuzzes the installed product, and prints the findings.

Exit status 0: nothing; 1: something was found; 2: wrong usage.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))  # behind site-packages, so that the installed product is fuzzed

import mobifai
from soak.harness import network_namespace as network
from tests.fuzz import findings
from tests.fuzz.engine import Engine, Result
from tests.fuzz.replay import replay
from tests.fuzz.targets import TARGETS
from tests.fuzz.watchdog import ending_after

SECONDS = 900.0
MOST_SECONDS_MORE = 120.0
"""Seconds for the last inputs, the last check, and the end of all processes."""


def main(words: list[str] | None = None) -> int:
    """Run the command, and return its exit status."""
    options = _options().parse_args(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, so that all processes end
    print(f"mobifai: {Path(mobifai.__file__).parent}; network: {network.enter()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mobifai-fuzz-") as folder:
        if options.replay is not None:
            return asyncio.run(_replay(options.replay, Path(folder)))
        seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1, 10**6)
        targets = [TARGETS[name] for name in options.target or TARGETS]
        print(f"seed {seed}, {options.seconds:g} s, {len(targets)} targets", flush=True)
        engine = Engine(targets, seed, Path(folder), lambda text: print(text, flush=True))

        def give_up() -> None:
            engine.give_up(f"the fuzzer did not end within {MOST_SECONDS_MORE:.0f} s after its time")
            print(summary(engine.result, seed), flush=True)

        with ending_after(options.seconds + MOST_SECONDS_MORE, Path(folder), give_up):
            result = asyncio.run(engine.run(options.seconds))
    print(summary(result, seed), flush=True)
    return 1 if result.findings else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s fuzz --", description="Fuzz the installed agent and relay.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long (default: %(default)g)")
    parser.add_argument("--seed", type=int, help="the inputs of an earlier run again")
    parser.add_argument("--target", action="append", choices=TARGETS, metavar="NAME", help=", ".join(TARGETS))
    parser.add_argument("--replay", type=Path, metavar="FILE", help="send the inputs of a finding again")
    return parser


async def _replay(file: Path, folder: Path) -> int:
    try:
        finding = findings.load(file)
        target = TARGETS[finding.target]
    except (OSError, ValueError, LookupError, TypeError) as error:
        print(
            f"expected a finding's file, as a run writes them into {findings.FOLDER}; {file}: {error!r}",
            file=sys.stderr,
        )
        return 2
    fault = await replay(target, finding, folder)
    print(fault if fault is not None else "It did not happen again.")
    return 1 if fault is not None else 0


def summary(result: Result, seed: int) -> str:
    """Return the figures of a run as a table."""
    rows = [f"{'target':20} {'handled':>10} {'sent':>10} {'seconds':>8} {'per second':>10}  boundary"]
    for name, sent in result.sent.items():
        spent, handled = result.spent[name], result.handled[name]
        rate = handled / spent if spent else 0
        rows.append(f"{name:20} {handled:10} {sent:10} {spent:8.0f} {rate:10.0f}  {TARGETS[name].boundary}")
    for name, times in result.broken.items():
        rows.append(f"{name}: {times} sessions broke off, the last by {result.last_break[name]}")
    if result.unjudged:
        rows.append(f"{result.unjudged} slow answers were not judged: the machine was too busy")
    total, found = sum(result.handled.values()), len(result.findings)
    rows.append(
        f"{total:,} inputs were handled by the product in {result.seconds:.0f} s (seed {seed}, "
        f"{time.strftime('%Y-%m-%d')}); the slowest answer of an event loop took {result.slowest:.2f} s; "
        f"{found or 'nothing'} {'faults were' if found != 1 else 'fault was'} found"
    )
    return "\n".join(rows).replace("nothing faults were found", "nothing was found")


if __name__ == "__main__":
    for variable in [name for name in os.environ if name.startswith("MOBIFAI_")]:
        del os.environ[variable]  # the product under test must not use the user's settings
    sys.exit(main())
