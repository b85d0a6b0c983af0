"""Reports: the Report struct and its renderings, pure functions of the analysis."""
