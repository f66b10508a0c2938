"""Write the generated files of the chart anew: `make chart`."""

from dev.chart.files import CHART, generated

for name, text in generated().items():
    (CHART / name).write_text(text, encoding="utf-8")
