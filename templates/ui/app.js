"use strict";
// Moves what the server has drawn. Without it every page reads the same, only that it stands still.

// Command lines can be copied.
const addCopyButtons = root => {
  for (const code of root.querySelectorAll("code.command")) {
    if (code.nextElementSibling?.className === "copy" || !navigator.clipboard) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "copy";
    button.setAttribute("aria-label", "Copy: " + code.textContent);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1200);
    });
    code.after(button);
  }
};
addCopyButtons(document);

// Arrow keys lead from box to box of the graph.
const nodes = () => [...document.querySelectorAll(".dag .node")];
document.querySelector(".dag")?.addEventListener("keydown", event => {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const from = event.target.closest(".node");
  if (!way || !from) return;
  event.preventDefault();
  const place = node => {
    const box = node.querySelector(".box:not(.behind)").getBBox();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  const [x, y] = place(from);
  let best = null, least = Infinity;
  for (const node of nodes()) {
    const [dx, dy] = [place(node)[0] - x, place(node)[1] - y];
    const along = dx * way[0] + dy * way[1], aside = Math.abs(dx * way[1] + dy * way[0]);
    if (node !== from && along > 1 && along + 3 * aside < least) [best, least] = [node, along + 3 * aside];
  }
  best?.querySelector("a").focus();
});

// The chosen box is in sight.
document.querySelector(".dag .chosen a")?.scrollIntoView({ block: "nearest", inline: "center" });

// News of the pipeline that is shown.
const source = document.body.dataset.events;
if (source) {
  const summary = document.getElementById("summary");
  const chosen = new URLSearchParams(location.search).get("stage");
  let before = null;
  const renewPanel = async () => {
    const answer = await fetch(location.href).catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const panel = page.getElementById("panel");
    if (panel) {
      document.getElementById("panel").replaceWith(panel);
      addCopyButtons(panel);
    }
  };
  const stream = new EventSource(source);
  stream.addEventListener("message", event => {
    const news = JSON.parse(event.data);
    if (news.error) { location.reload(); return; }
    const drawn = new Map(nodes().map(node => [node.dataset.node, node]));
    if (news.nodes.length !== drawn.size || news.nodes.some(node => !drawn.has(node.name))) {
      location.reload();
      return;
    }
    let panelMoves = false;
    for (const { name, state, text, share } of news.nodes) {
      const node = drawn.get(name);
      const isChosen = node.classList.contains("chosen");
      if (before && before.get(name) !== state && (!chosen || name === chosen || chosen.startsWith(name + "/"))) panelMoves = true;
      node.setAttribute("class", "node " + state + (isChosen ? " chosen" : ""));
      node.querySelector(".state").textContent = text;
      node.querySelector(".done").setAttribute("width", (share ?? 0) * node.dataset.width);
    }
    if (summary.innerHTML !== news.summary) summary.innerHTML = news.summary;
    before = new Map(news.nodes.map(node => [node.name, node.state]));
    if (panelMoves) renewPanel();
  });
}
