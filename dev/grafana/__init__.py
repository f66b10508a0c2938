"""The generator of `grafana/`: the dashboard and the rule file, with the exporter's own metric names."""
