"""Write the generated documents, and the generated parts of others: `make settings`."""

from dev.settings.documents import documents

for path, text in documents().items():
    path.write_text(text, encoding="utf-8")
