// Voilà's own script calls these two: while cells run, and when the page is drawn.
window.voila_heartbeat = () => {};
window.voila_finish = () => {};

const root = document.getElementById("rendered_cells");
const loading = document.getElementById("loading");
const lost = document.getElementById("lost");
const kernel = JSON.parse(document.getElementById("jupyter-config-data").textContent);
const kernelUrl = new URL(`api/kernels/${kernel.kernelId}`, new URL(kernel.baseUrl, location.href));
const WATCH_MS = 1500;

// The search field is there: the box is drawn.
const drawn = () => root.querySelector(".anirec-search input") || root.querySelector(".failed");
const drawing = new MutationObserver(() => {
  if (drawn()) {
    drawing.disconnect();
    loading.remove();
  }
});
drawing.observe(document.body, { childList: true, subtree: true });
if (root.querySelector(".failed")) loading.remove();

// A kernel that died answers no message; its server says so, if asked.
async function alive() {
  try {
    return (await fetch(kernelUrl, { cache: "no-store" })).status !== 404;
  } catch {
    return false;
  }
}
let leaving = false;
addEventListener("pagehide", () => { leaving = true; });
async function watch() {
  if (!leaving && !(await alive()) && !leaving) {
    lost.hidden = false;
    document.body.classList.add("is-lost");
    document.getElementById("reconnect").focus();
    return;
  }
  setTimeout(watch, WATCH_MS);
}
setTimeout(watch, WATCH_MS);
document.getElementById("reconnect").addEventListener("click", () => location.reload());
