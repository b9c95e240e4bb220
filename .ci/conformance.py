"""Reads what the conformance suite wrote and holds it against the floor: no crash, and no fewer operations than before."""

import json
import sys

PASSING = 200

with open(sys.argv[1]) as file:
    rows = json.load(file)["rows"]
statuses = [row["status"] for row in rows]
passed, crashed = statuses.count("pass"), statuses.count("crash")
print(f"operations that pass in full: {passed} of {len(statuses)} (at least {PASSING}); crashes: {crashed} (none allowed)")
sys.exit(passed < PASSING or crashed > 0)
