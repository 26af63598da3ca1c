/** What a star can stand for, within one label. */
const RUN = /^[-a-z0-9_]*$/;

/**
 * Whether a DNS name (lower case, no trailing dot) is one that a rule's text means: a name, or a
 * pattern in which `*` stands for letters, digits, `-` and `_` of one label, a leading `**.` for one label
 * of these or more, and `*` alone for every name. Takes time in proportion to the product of the lengths, at most.
 */
export function matchesName(text: string, name: string): boolean {
  if (text === "*") return true;
  if (!text.includes("*")) return text === name;
  const several = text.startsWith("**.");
  const patterns = (several ? text.slice(3) : text).split(".");
  const labels = name.split(".");
  const extra = labels.length - patterns.length;
  if (several ? extra < 1 : extra !== 0) return false;
  if (!labels.slice(0, extra).every((label) => label !== "" && RUN.test(label))) return false;
  return patterns.every((pattern, i) => matchesLabel(pattern, labels[extra + i] as string));
}

/** `*` stands for any run of characters, also for none. Others than it can stand for are nowhere in a pattern. */
function matchesLabel(pattern: string, label: string): boolean {
  if (!RUN.test(label)) return false;
  let p = 0;
  let star = -1;
  let resume = 0;
  for (let i = 0; i < label.length;) {
    if (pattern[p] === "*") {
      star = p++;
      resume = i;
    } else if (pattern[p] === label[i]) {
      p++;
      i++;
    } else if (star >= 0) {
      // The latest star takes one character more.
      p = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
