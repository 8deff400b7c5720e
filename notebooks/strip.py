"""Takes out of notebooks what running them put in: outputs, counts, and what the machine says of itself.

    python3 notebooks/strip.py NOTEBOOK...
"""

import json
import sys

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        book = json.load(file)
    for cell in book["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
    book["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(book, file, indent=1, ensure_ascii=False)
        file.write("\n")
