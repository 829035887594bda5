"""Run all benchmarks, or those named on the command line."""

import sys

from tests.bench import audience, contacts, plan_unchanged

BENCHMARKS = {"plan-unchanged": plan_unchanged.main, "audience": audience.main, "contacts": contacts.main}

if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"== {name}")
        BENCHMARKS[name]()
