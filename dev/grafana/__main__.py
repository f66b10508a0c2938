"""Write the files of `grafana/`, and the address of the runbooks: `make grafana`."""

import re

from dev.grafana.dashboard import dashboard_json
from dev.grafana.rules import rules_yaml
from dev.project import DOCUMENTS, ROOT

(ROOT / "grafana" / "dashboard.json").write_text(dashboard_json(), encoding="utf-8")
(ROOT / "grafana" / "rules.yml").write_text(rules_yaml(), encoding="utf-8")

# The status page links to the same runbooks as the alerts.
runbooks = ROOT / "pin_exporter" / "status" / "runbooks.py"
text = runbooks.read_text(encoding="utf-8")
text = re.sub(r'^(DOCUMENTS_URL: Final = )".*"$', rf'\1"{DOCUMENTS}"', text, flags=re.MULTILINE)
runbooks.write_text(text, encoding="utf-8")
