// Opens the pages and says of each, in one line, what is wrong with it. It does not know what they show.
//
//     node check.js PROGRAM FOLDER [FOLDER FOR SCREENSHOTS]

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { EDGES, make } from "./edges.js";

const [program, folder, shots] = process.argv.slice(2);
const axe = createRequire(import.meta.url)("axe-core").source;
const faults = [];

const run = (project, ...words) => execFileSync(program, ["-C", `${folder}/${project}`, "--quiet", ...words], { encoding: "utf8" });
const path = (project, of) => run(project, "path", of).trim();

/// Starts a server and returns where it listens.
const servers = [];
const listen = (project, ...words) => new Promise((resolve, reject) => {
  const server = spawn(program, ["-C", `${folder}/${project}`, ...words], { stdio: ["ignore", "ignore", "pipe"] });
  servers.push(server);
  let said = "";
  server.stderr.on("data", data => {
    const address = (said += data).match(/http:\/\/[^\s/]+/);
    if (address) resolve(address[0]);
  });
  server.on("exit", () => reject(new Error(`${words}: ${said}`)));
});

/// Opens a page in a scheme, wide and narrow, and notes what is wrong.
const look = async (browser, name, address, colorScheme) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme, bypassCSP: true });
  const page = await context.newPage();
  const own = new URL(address).origin;
  const found = [];
  page.on("console", message => found.push(`console ${message.type()}: ${message.text()}`));
  page.on("pageerror", error => found.push(`error: ${error.message}`));
  await page.route("**", (route, request) => {
    const url = request.url();
    if (url.startsWith("data:") || url === address || (own !== "null" && url.startsWith(own))) return route.continue();
    found.push(`asks for ${url}`);
    return route.abort();
  });
  page.on("response", response => response.status() >= 400 && found.push(`${response.status()} ${response.url()}`));
  await page.goto(address, { waitUntil: "load" });
  await page.evaluate(axe);
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) found.push(`${width} px: runs ${over} px over the edge`);
    // Colours do not depend on the width, nor does the rest on the colours.
    if (width === 1280 || colorScheme === "light") {
      const { violations } = await page.evaluate(() => globalThis.axe.run({ iframes: false }));
      for (const { id, nodes } of violations) {
        found.push(`${width} px: ${id} (${nodes.length}): ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary.split("\n")[1]}`);
      }
    }
    if (shots) await page.screenshot({ path: `${shots}/${name.replaceAll(/[^a-z0-9]+/gi, "-")}-${width}-${colorScheme}.png`, fullPage: true });
  }
  if (await page.title() === "broken") found.push("ran a script from the data");
  await context.close();
  found.forEach(fault => faults.push(`${name}, ${colorScheme}: ${fault}`));
  return found.length;
};

const lookAll = async (browser, name, address) => {
  const n = await look(browser, name, address, "light") + await look(browser, name, address, "dark");
  console.log(`${n === 0 ? "ok  " : "FAIL"} ${name}`);
};

/// Lets a run go on in another process, and looks whether the page follows within a second.
const follow = async browser => {
  const project = "followed", go = `${folder}/go`;
  mkdirSync(`${folder}/${project}/pipelines`, { recursive: true });
  writeFileSync(`${folder}/${project}/pipelines/p.yaml`, `\
pipeline: p
stages:
  slow: { uses: command, with: { run: [sh, -c, "while ! test -e ${go}; do sleep 0.02; done; echo x > y.txt"], outputs: { y: y.txt } } }
`);
  const page = await browser.newPage();
  await page.goto(await listen(project, "ui", "--port", "0"));
  const becomes = (state, since) => page.waitForFunction(
    state => document.querySelector("[data-node=slow]").classList.contains(state), state, { timeout: 10_000, polling: 20 },
  ).then(() => {
    const took = Date.now() - since;
    console.log(`${took < 1000 ? "ok  " : "FAIL"} a stage is seen ${state} after ${took} ms`);
    if (took >= 1000) faults.push(`a stage was seen ${state} only after ${took} ms`);
  });
  await page.waitForTimeout(500);
  let now = Date.now();
  const running = spawn(program, ["-C", `${folder}/${project}`, "--quiet", "run"], { stdio: "inherit" });
  await becomes("running", now);
  const ended = new Promise(resolve => running.on("exit", resolve));
  writeFileSync(go, "");
  await ended;
  now = Date.now();
  await becomes("ran", now);
  await page.close();
};

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  if (shots) mkdirSync(shots, { recursive: true });
  run("shipped", "run");
  run("shipped", "run", "--set", "seed=7");
  run("shipped", "run");
  run("shipped", "report", "-o", `${folder}/run.html`);
  run("shipped", "drift", "data/raw/new_customers.csv", "-o", `${folder}/drift.html`);
  const files = [
    ["profile", path("shipped", "profile.report")],
    ["segments", path("shipped", "segments.report")],
    ["run", `${folder}/run.html`],
    ["drift", `${folder}/drift.html`],
  ];
  for (const edge of EDGES) {
    make(`${folder}/${edge.name}`, edge);
    run(edge.name, "run");
    for (const of of ["profile", "segments"]) files.push([`${of} of ${edge.segments} segments, ${edge.columns} columns`, path(edge.name, `${of}.report`)]);
  }
  for (const [name, file] of files) await lookAll(browser, name, pathToFileURL(file).href);
  await lookAll(browser, "serve: form", `${await listen("shipped", "serve", "--bind", "127.0.0.1:0")}/`);
  const shipped = await listen("shipped", "ui", "--port", "0");
  const wide = await listen("fifteen", "ui", "--port", "0");
  for (const [name, address] of [
    ["ui: pipeline", `${shipped}/`],
    ["ui: stage", `${shipped}/?stage=kmeans/k%3D4&open=kmeans`],
    ["ui: instances", `${shipped}/?stage=gmm`],
    ["ui: numbers", `${shipped}/artifact?of=features.table&column=monetary`],
    ["ui: levels", `${shipped}/artifact?of=customers.table&column=channel`],
    ["ui: embedded report", `${shipped}/artifact?of=segments.report`],
    ["ui: runs", `${shipped}/runs`],
    ["ui: run", `${shipped}/run?run=latest`],
    ["ui: two runs", `${shipped}/compare?a=latest~1&b=latest`],
    ["ui: wide table", `${wide}/artifact?of=customers.table&column=${encodeURIComponent("<script>document.title='broken'</script> level")}`],
    ["ui: wide pipeline", `${wide}/?stage=prepare`],
  ]) await lookAll(browser, name, address);
  await follow(browser);
} finally {
  await browser.close();
  servers.forEach(server => server.removeAllListeners("exit") && server.kill());
}
if (faults.length > 0) {
  console.error(`\n${faults.join("\n")}`);
  process.exitCode = 1;
}
