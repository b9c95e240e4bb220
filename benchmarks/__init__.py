"""Benchmarks: rows.py and models.py say what is measured, run.py measures it, importing.py times the import."""
