"""Makes what can be made of the Helm chart: metadata, copies, the values' schema and the read-me file."""
