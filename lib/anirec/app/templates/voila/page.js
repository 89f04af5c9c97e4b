// Voilà's own script calls these two: while cells run, and when the page is drawn.
window.voila_heartbeat = () => {};
window.voila_finish = () => {};

const loading = document.getElementById("loading");
const lost = document.getElementById("lost");
const offline = document.getElementById("offline");
const kernel = JSON.parse(document.getElementById("jupyter-config-data").textContent);
const serverUrl = new URL(kernel.baseUrl, location.href);
const AGAIN_MS = 1500;

// The box is ready once it shows the visitor's list; until then its place is held.
function showWhenReady() {
  if (!document.querySelector("#rendered_cells :is(.anirec-ready input, .failed)")) return false;
  document.body.classList.add("is-ready");
  loading.remove();
  return true;
}
const drawing = new MutationObserver(() => { if (showWhenReady()) drawing.disconnect(); });
if (!showWhenReady()) {
  drawing.observe(document.body, { subtree: true, childList: true, attributeFilter: ["class"] });
}

// A kernel that died answers no message; its server closes this socket then, and says so if asked.
// Without a connection nothing can be told: it is tried again until there is one.
async function alive() {
  const url = new URL(`api/kernels/${kernel.kernelId}`, serverUrl);
  for (;;) {
    try {
      return (await fetch(url, { cache: "no-store" })).status !== 404;
    } catch {
      offline.hidden = false;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}
let leaving = false;
addEventListener("pagehide", () => { leaving = true; });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
function watch() {
  const url = new URL(`voila/ends/${kernel.kernelId}`, serverUrl);
  url.protocol = url.protocol.replace("http", "ws");
  new WebSocket(url).addEventListener("close", closed);
}
async function closed() {
  if (leaving) return;
  if (await alive()) {
    if (!offline.hidden) {
      offline.hidden = true;
      dispatchEvent(new Event("anirec-back"));
    }
    setTimeout(watch, AGAIN_MS);
  } else if (!leaving) {
    offline.hidden = true;
    lost.hidden = false;
    document.body.classList.add("is-lost");
    document.getElementById("reconnect").focus();
  }
}
watch();
document.getElementById("reconnect").addEventListener("click", () => location.reload());
