/** Two sets of objects that cut traffic into more classes than can be compared in reasonable time and memory. */
export class DiffTooLargeError extends Error {
  override readonly name = "DiffTooLargeError";

  constructor(parties: number, pairs: number, most: number) {
    super(
      `the objects are too many to compare: their rules tell ${parties} classes of parties apart, that is ${pairs} pairs, and ${most} is the most. ` +
        "Compare fewer policies or pods at once, or use fewer or wider ranges of addresses",
    );
  }
}
