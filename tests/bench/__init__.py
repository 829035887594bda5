"""Benchmarks: ``make bench``. Figures are ratios within one run; nothing is asserted."""
