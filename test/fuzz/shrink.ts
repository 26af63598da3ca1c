/** A shorter text for which `fails` still holds: pieces are left out, large ones first, as long as that works. */
export async function shrink(text: string, fails: (text: string) => Promise<boolean>): Promise<string> {
  let best = text;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < best.length;) {
      const shorter = (best.slice(0, start) + best.slice(start + size)).toWellFormed();
      if (await fails(shorter)) best = shorter;
      else start += size;
    }
  }
  return best;
}
