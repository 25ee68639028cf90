import { assertEquals } from "@std/assert";
import { reverseComplement } from "../../lib/genome/reverse_complement.ts";

Deno.test("reverseComplement() knows the IUPAC code in both cases and leaves gaps alone", () => {
  assertEquals(reverseComplement("GATTACA"), "TGTAATC");
  assertEquals(reverseComplement("ACGTRYSWKMBDHVN"), "NBDHVKMWSRYACGT");
  assertEquals(reverseComplement("acgtryswkmbdhvn"), "nbdhvkmwsryacgt");
  assertEquals(reverseComplement("AAu-GU."), ".AC-aTT");
  assertEquals(reverseComplement(""), "");
  assertEquals(reverseComplement("A😀éC"), "Gé😀T", "what is no letter stays whole");
  for (const letter of "ACGTRYSWKMBDHVN") {
    assertEquals(reverseComplement(reverseComplement(letter)), letter, "twice is the letter itself");
  }
});
