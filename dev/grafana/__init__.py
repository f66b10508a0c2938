"""Generate `grafana/dashboard.json` and `grafana/rules.yml` with the exporter's own metric names."""
