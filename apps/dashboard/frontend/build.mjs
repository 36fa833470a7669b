// Compiles app.css and copies what is vendored, with VENDORED.md beside it. `--css FILE` only compiles, to that file.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const VENDORED = {
  uplot: ["dist/uPlot.esm.js", "dist/uPlot.min.css", "LICENSE"],
  "wavesurfer.js": ["dist/wavesurfer.esm.js", "dist/plugins/regions.esm.js", "LICENSE"],
};

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const target = join(here, "..", "static", "dashboard");

function compile(output) {
  const tailwind = join(modules, "@tailwindcss", "cli", "dist", "index.mjs");
  const args = [tailwind, "--input", join(here, "app.css"), "--output", output, "--minify"];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: here, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

function vendor() {
  const rows = [];
  mkdirSync(join(target, "vendor"), { recursive: true });
  for (const [name, files] of Object.entries(VENDORED)) {
    const { version, license } = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));
    for (const file of files) {
      const copy = join(target, "vendor", file === "LICENSE" ? `${name}.LICENSE` : basename(file));
      copyFileSync(join(modules, name, file), copy);
      const sha256 = createHash("sha256").update(readFileSync(copy)).digest("hex");
      rows.push(`| ${basename(copy)} | ${name} | ${version} | ${license} | ${sha256} |`);
    }
  }
  const table = ["| file | package | version | licence | sha256 |", "| --- | --- | --- | --- | --- |", ...rows];
  const text = "# Vendored files\n\nMade by `make frontend`, never by hand. htmx comes from the Python package django-htmx.\n";
  writeFileSync(join(target, "vendor", "VENDORED.md"), `${text}\n${table.join("\n")}\n`);
}

if (process.argv[2] === "--css") {
  compile(process.argv[3]);
} else {
  compile(join(target, "app.css"));
  vendor();
}
