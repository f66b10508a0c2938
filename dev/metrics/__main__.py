"""Write the tables of docs/metrics.md: `make metrics`."""

from dev.metrics.page import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
