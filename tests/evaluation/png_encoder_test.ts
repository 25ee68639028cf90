import { assertEquals } from "@std/assert";
import { crc32, inflateSync } from "node:zlib";
import { encodePng } from "../../lib/evaluation/png_encoder.ts";

Deno.test("encodePng() writes header, unfiltered rows of red, green and blue, and right checksums", () => {
  const rgba = Uint8Array.of(
    1,
    2,
    3,
    255,
    4,
    5,
    6,
    255,
    7,
    8,
    9,
    255,
    10,
    11,
    12,
    255,
    13,
    14,
    15,
    255,
    16,
    17,
    18,
    255,
  );
  const png = encodePng(rgba, 2, 3), view = new DataView(png.buffer);
  assertEquals([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const chunks = new Map<string, Uint8Array>();
  for (let at = 8; at < png.length;) {
    const length = view.getUint32(at), named = png.subarray(at + 4, at + 8 + length);
    assertEquals(view.getUint32(at + 8 + length), crc32(named));
    chunks.set(new TextDecoder().decode(named.subarray(0, 4)), named.subarray(4));
    at += 12 + length;
  }
  assertEquals([...chunks.keys()], ["IHDR", "IDAT", "IEND"]);
  assertEquals([...chunks.get("IHDR")!], [0, 0, 0, 2, 0, 0, 0, 3, 8, 2, 0, 0, 0]);
  assertEquals(
    [...inflateSync(chunks.get("IDAT")!)],
    [0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12, 0, 13, 14, 15, 16, 17, 18],
  );
});
