(() => {
  const input = document.getElementById("find"), found = document.getElementById("found");
  const all = [...document.querySelectorAll("[data-name]")];
  input.closest("p").hidden = false;
  let waiting = 0;
  const find = () => {
    const wanted = input.value.trim().toLowerCase();
    const names = new Set();
    for (const each of all) {
      const fits = each.dataset.name.toLowerCase().includes(wanted);
      each.hidden = !fits;
      if (fits) names.add(each.dataset.name);
    }
    found.textContent = wanted ? `${names.size} found` : "";
  };
  input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(find, 120); });
})();
