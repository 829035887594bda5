"""Benchmarks: ``make bench``. Figures are ratios within one run; nothing is asserted but what approvals may cost."""
