"""python -m benchmarks, from the repository's root."""

from benchmarks.run import main

main()
