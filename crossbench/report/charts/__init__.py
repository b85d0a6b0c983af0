"""The charts of a report: SVG whose bytes follow from the Report alone."""
