/** One file that needs nothing else: libraries, code, style and data in it. It allows itself no request and no other script. */
import d3 from "./vendor/d3.min.js" with { type: "text" };
import plot from "./vendor/plot.umd.min.js" with { type: "text" };
import app from "./page/app.js" with { type: "text" };
import dom from "./page/dom.js" with { type: "text" };
import explorer from "./page/explorer.js" with { type: "text" };
import figureParts from "./page/figure_parts.js" with { type: "text" };
import figures from "./page/figures.js" with { type: "text" };
import multiples from "./page/small_multiples.js" with { type: "text" };
import panels from "./page/panels.js" with { type: "text" };
import search from "./page/search.js" with { type: "text" };
import tables from "./page/tables.js" with { type: "text" };
import unpack from "./page/unpack.js" with { type: "text" };
import style from "./page/style.css" with { type: "text" };
import body from "./page/body.html" with { type: "text" };

/** @param data what `page/app.js` reads; text in it is shown as text */
export async function pageHtml(data: Record<string, unknown>): Promise<string> {
  const libraries = inScript(`${d3}\n${plot}`);
  const code = inScript(
    `(() => {\n"use strict";\n${
      [unpack, figureParts, figures, multiples, dom, tables, panels, search, explorer, app].map(
        withoutModules,
      ).join("\n")
    }\n})();`,
  );
  const hashes = [await hashOf(libraries), await hashOf(code)];
  const policy =
    `default-src 'none'; script-src ${hashes.join(" ")}; style-src 'unsafe-inline'; img-src data:; ` +
    `base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Comparison of expression models</title>
<style>
${style}</style>
</head>
<body>
${body}
<script type="application/json" id="data">${JSON.stringify(data).replaceAll("<", "\\u003c")}</script>
<script>${libraries}</script>
<script>${code}</script>
</body>
</html>
`;
}

/** The files are modules elsewhere; in the page they are one script. */
function withoutModules(source: string): string {
  return source.replaceAll(/^import .*?;$/gms, "").replaceAll(/^export /gm, "");
}

/** Text that does not end the element it stands in. */
function inScript(source: string): string {
  return source.replaceAll(/<\/(script)/gi, "<\\/$1").replaceAll("<!--", "<\\!--").replaceAll("\r", "");
}

async function hashOf(source: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(source));
  return `'sha256-${new Uint8Array(digest).toBase64()}'`;
}
