// Makes the heads of tables buttons that sort by their column. Without this script the tables are as they were written.
(() => {
  "use strict";
  const said = document.getElementById("said");
  const collator = new Intl.Collator("en", { numeric: true });

  // A number, or nothing; what has none stands last, whichever way is sorted.
  const keyOf = (row, column, numeric) => {
    const cell = row.cells[column];
    if (!numeric) return cell.textContent;
    return "key" in cell.dataset ? Number(cell.dataset.key) : null;
  };

  const compare = (a, b) => {
    if (typeof a === "string") return collator.compare(a, b);
    return a === b ? 0 : a < b ? -1 : 1;
  };

  const sort = (table, head, column) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.tBodies[0];
    const numeric = [...body.rows].some((row) => "key" in row.cells[column].dataset);
    const rows = [...body.rows].map((row) => ({ row, key: keyOf(row, column, numeric) }));
    rows.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return up ? compare(a.key, b.key) : compare(b.key, a.key);
    });
    body.append(...rows.map(({ row }) => row));
    said.textContent = `sorted by ${head.textContent.trim()}, ${up ? "ascending" : "descending"}`;
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      if (!button.textContent.trim()) button.setAttribute("aria-label", `column ${column + 1}`);
      button.addEventListener("click", () => sort(table, head, column));
      head.append(button);
    });
  }
})();
