(() => {
  const input = document.getElementById("find"), found = document.getElementById("found");
  const all = [...document.querySelectorAll("[data-name]")];
  const groups = [...document.querySelectorAll("[data-group]")];  // each takes its place until it is seen
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
    for (const each of groups) each.hidden = !each.querySelector("[data-name]:not([hidden])");
    found.textContent = wanted ? `${names.size} found` : "";
  };
  input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(find, 120); });
})();
