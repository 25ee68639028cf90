import { assertEquals } from "@std/assert";
import { encodeCsv, parseCsvTable } from "../../lib/io/csv.ts";
import { escapeMarkup } from "../../lib/io/escape.ts";

Deno.test("escapeMarkup() leaves nothing that ends a text or an attribute", () => {
  assertEquals(
    escapeMarkup(`</text><script>alert("a" & 'b')</script>`),
    "&lt;/text&gt;&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;",
  );
  assertEquals(escapeMarkup("a\0b\x1bc\ud800d\uffffe\tf"), "a\ufffdb\ufffdc\ufffdd\ufffde\tf");
  assertEquals(escapeMarkup("naïve 基因 𝛼"), "naïve 基因 𝛼");
});

Deno.test("encodeCsv() writes ids that hold separators, quotes or line ends so that they are read back", () => {
  const ids = ["a,b", 'say "x"', "two\nlines", "cr\rhere", "=SUM(A1)", "+1", "-x", "@y", " padded ", "'"];
  const text = encodeCsv(["id", "value"], ids.map((id, i) => [id, -i]));
  const table = parseCsvTable(new TextEncoder().encode(text), "t.csv");
  assertEquals(table.rows.map(([id]) => id), ids);
  assertEquals(table.rows.map(([, value]) => Number(value)), ids.map((_, i) => -i));
});
