// A click on the head of a column sorts the rows by it, a second one the other way round; numbers by their value, texts by letters,
// what is missing last.
function value(cell) {
  const text = cell.querySelector("[data-v]")?.dataset.v ?? cell.textContent.trim();
  const number = text.replace(/[\s≈]/g, "").replace("−", "-").match(/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?/i);
  return { text, number: number && +number[0], missing: text === "" || text === "–" };
}

document.querySelectorAll("table.sorts").forEach(table => table.querySelectorAll("th").forEach((head, column) => {
  head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0];
    const rows = [...body.rows].map(row => ({ row, key: value(row.cells[column]) }));
    const numbers = rows.every(({ key }) => key.missing || key.number !== null);
    rows.sort(({ key: a }, { key: b }) => {
      if (a.missing || b.missing) return a.missing - b.missing;
      return (down ? 1 : -1) * (numbers ? a.number - b.number : a.text.localeCompare(b.text));
    });
    table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    body.append(...rows.map(({ row }) => row));
  });
}));
