"""A minimal exporter for comparison: walk the list with `requests` and `json`, and count by status.

Prints the CPU time in seconds. Arguments: base URL, API key, secret key.
"""

import json
import sys
import time
from collections import Counter

import requests


def main() -> None:
    """Walk and count."""
    base_url, api_key, secret_key = sys.argv[1:]
    session = requests.Session()
    session.headers.update({"pinning_api_key": api_key, "pinning_secret_key": secret_key})
    began = time.process_time()
    statuses: Counter[str] = Counter()
    ids = set()
    size = offset = 0
    while True:
        query: dict[str, int | str] = {"offset": offset, "limit": 1000, "sortBy": "created_at"}
        query["sortOrder"] = "ASC"
        response = session.get(f"{base_url}/pinning/pins/", params=query, timeout=30)
        pins = json.loads(response.text)["data"]["pins"]
        if not pins:
            break
        for pin in pins:
            ids.add(pin["id"])
            statuses[pin["status"]] += 1
            size += pin.get("size", 0)
        offset += len(pins)
    sys.stdout.write(str(time.process_time() - began))


if __name__ == "__main__":
    main()
