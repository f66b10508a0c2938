"""Scrape the exporter at the URL given, and see that it is ours; wait a minute for it to come up."""

import sys
import time
import urllib.request

url = sys.argv[1]
deadline = time.monotonic() + 60
while True:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        break
    except OSError as error:
        if time.monotonic() > deadline:
            sys.exit(f"{url}: {error}")
        time.sleep(1)
if "\naiozpin_exporter_build_info{" not in text:
    sys.exit(f"{url}: answers, but not as pin-exporter")
print(f"{url}: {len(text.splitlines())} lines of metrics")
