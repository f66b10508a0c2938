"""Write the schema of the configuration file anew: `make schema`."""

from dev.schema.generate import SCHEMA, schema_json

SCHEMA.write_text(schema_json(), encoding="utf-8")
