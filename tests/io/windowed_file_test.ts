import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../lib/cli/errors.ts";
import { parseCsvTable, parseNumericCsv } from "../../lib/io/csv.ts";
import { WindowedFile } from "../../lib/io/windowed_file.ts";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { inFolder } from "../support/temporary_folder.ts";

/** A table with all that CSV may hold, its line ends at many places of a window. */
function table(stream: ModelStream): string {
  const end = ["\n", "\r\n", "\r"][stream.below(3)];
  const texts = ["MYC", '"a,b"', '"say ""no"""', `"two${end}lines"`, "", '""', "größe"];
  const rows = Array.from({ length: 1 + stream.below(30) }, () => {
    const blank = stream.below(6) === 0 ? end : "";
    return `${blank}${texts[stream.below(texts.length)]}x,${
      stream.below(2) ? stream.below(99) / 8 : ""
    },nan${end}`;
  });
  return `id,"E,1",ENSG2${end}${rows.join("")}${stream.below(2) ? "z,1,2" : ""}`;
}

Deno.test("a CSV file is read the same by windows of any size as in one piece", async () => {
  await inFolder(async (folder) => {
    const stream = new ModelStream(8, "windows"), path = `${folder}/t.csv`;
    for (let i = 0; i < 60; i++) {
      const text = table(stream), bytes = new TextEncoder().encode(text);
      await Deno.writeFile(path, bytes);
      const whole = parseCsvTable(bytes, "t"), numbers = parseNumericCsv(bytes, "t", { labels: 1 });
      for (const windowBytes of [1, 2, 7, 16, 64, 1000]) {
        const open = () => new WindowedFile(path, windowBytes);
        assertEquals(parseCsvTable(open(), "t"), whole);
        assertEquals(parseNumericCsv(open(), "t", { labels: 1 }), numbers);
      }
    }
  });
});

Deno.test("a CSV file that is read by windows is refused with the same words", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/t.csv`;
    for (const text of ['id,x\na,1\n\n"b,2\n', "id,x\na,1\nb,q\n", "id,x\na\n", "", "id;x\n1;2\n"]) {
      await Deno.writeTextFile(path, text);
      const read = (from: Uint8Array | WindowedFile) => () => parseNumericCsv(from, "t", { labels: 1 });
      const { message } = assertThrows(read(new TextEncoder().encode(text)), DataError);
      assertEquals(assertThrows(read(new WindowedFile(path, 3)), DataError).message, message);
    }
    assertThrows(() => new WindowedFile(`${folder}/none.csv`, 3), DataError, "there is no such file");
  });
});
