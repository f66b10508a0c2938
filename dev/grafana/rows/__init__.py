"""The dashboard's rows: one module each, with the row's title and its panels from left to right."""
