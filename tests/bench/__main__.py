"""Run all benchmarks, or those named on the command line; each in a process of its own, so that peaks don't mix."""

import subprocess
import sys

from tests.bench import (
    applies,
    audience,
    contacts,
    digests,
    fleets,
    gate,
    plan_unchanged,
    plans,
    review,
    start_up,
    validate,
)

BENCHMARKS = {
    "start-up": start_up.main,
    "plans": plans.main,
    "applies": applies.main,
    "plan-unchanged": plan_unchanged.main,
    "digests": digests.main,
    "audience": audience.main,
    "contacts": contacts.main,
    "review": review.main,
    "validate": validate.main,
    "gate": gate.main,
    "fleets": fleets.main,
}

if __name__ == "__main__":
    match sys.argv[1:]:
        case [name]:
            print(f"== {name}", flush=True)
            sys.exit(BENCHMARKS[name]() or 0)
        case names:
            codes = [
                subprocess.run([sys.executable, "-m", "tests.bench", name]).returncode for name in names or BENCHMARKS
            ]
            sys.exit(max(codes))
