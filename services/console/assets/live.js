// Keeps the first page up to date: each alert of the stream makes it fetch itself again.
// Without it the page shows the same after a reload.
(() => {
  const state = document.getElementById("live");
  if (!state || !state.dataset.stream) return;
  const source = new EventSource(state.dataset.stream);
  let waiting = null;
  let busy = false;
  let again = false;
  const known = () => new Set([...document.querySelectorAll("#alerts > li[id]")].map((li) => li.id));
  const renew = async () => {
    waiting = null;
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById("alerts");
        const before = known();
        fresh.querySelectorAll("li[id]").forEach((li) => before.has(li.id) || li.classList.add("new"));
        document.getElementById("alerts").replaceWith(fresh);
      }
    } finally {
      busy = false;
      if (again) { again = false; soon(); }
    }
  };
  const soon = () => { waiting ??= setTimeout(renew, 250); };
  source.addEventListener("alert", soon);
  source.addEventListener("gap", soon);
  source.onopen = () => { state.textContent = state.dataset.on; };
  source.onerror = () => {
    state.textContent = source.readyState === EventSource.CLOSED ? state.dataset.gone : state.dataset.off;
  };
})();
