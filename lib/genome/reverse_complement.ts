/** Complements of the letters of DNA: IUPAC's codes for several bases too; U pairs with A. Others stand for themselves. */
const complements = new Map(
  [..."ACGTUMKRYBVDHWSN"].map((letter, i) => [letter, "TGCAAKMYRVBHDWSN"[i]]),
);
const table = Uint8Array.from({ length: 256 }, (_, code) => {
  const letter = String.fromCharCode(code), upper = letter.toUpperCase();
  const complement = complements.get(upper) ?? upper;
  return (letter === upper ? complement : complement.toLowerCase()).charCodeAt(0);
});

/** The other strand, read in its own direction; letters keep their case. */
export function reverseComplement(sequence: string): string {
  const bytes = new Uint8Array(sequence.length);
  for (let i = 0; i < bytes.length; i++) bytes[bytes.length - 1 - i] = table[sequence.charCodeAt(i)];
  return new TextDecoder().decode(bytes);
}
