const FACTORS: Readonly<Record<string, bigint>> = {
  "": 1n,
  k: 10n ** 3n,
  M: 10n ** 6n,
  G: 10n ** 9n,
  T: 10n ** 12n,
  P: 10n ** 15n,
  E: 10n ** 18n,
  Ki: 2n ** 10n,
  Mi: 2n ** 20n,
  Gi: 2n ** 30n,
  Ti: 2n ** 40n,
  Pi: 2n ** 50n,
  Ei: 2n ** 60n,
};

/** Parts of one, as a power of ten. */
const FRACTIONS: Readonly<Record<string, number>> = { n: 9, u: 6, m: 3 };

const QUANTITY = /^\+?([0-9]{1,20})?(?:\.([0-9]{0,20}))?(?:[eE]([+-]?[0-9]{1,2})|([numkMGTPE]|[KMGTPE]i))?$/;

/**
 * A Kubernetes quantity (`10M`, `1.5Gi`, `1e6`), as a whole number of its unit, rounded up as Kubernetes does. Null:
 * it is none, or negative.
 */
export function parseQuantity(text: string): bigint | null {
  const match = QUANTITY.exec(text);
  if (!match) return null;
  const [, whole = "", fraction = "", exponent = "0", suffix = ""] = match;
  if (whole + fraction === "") return null;
  const shift = Number(exponent) - fraction.length - (FRACTIONS[suffix] ?? 0);
  const value = BigInt(whole + fraction) * (FACTORS[suffix] ?? 1n);
  if (shift >= 0) return value * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  return (value + divisor - 1n) / divisor;
}
