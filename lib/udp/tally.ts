/**
 * What became of the packets of a burst.
 *
 * @module
 */

/** A burst that is over. */
export interface Burst {
  readonly sent: number;
  /** Packets without an answer in time. */
  readonly lost: number;
  /** Answers that had come before. */
  readonly duplicates: number;
  /** Packets whose answer came after that of a later one (RFC 4737). */
  readonly reordered: number;
  /** From sending a packet to its first answer, seconds, as they came. */
  readonly roundTrips: readonly number[];
  /** Why this machine could not send, where it could not. */
  readonly error?: string;
}

/** Counts the packets of one burst. */
export interface Tally {
  /** Packet `number`, from 0 up to the count, is sent at `at`, milliseconds. */
  sent(number: number, at: number): void;
  /** An answer came; one to a packet that was not sent is ignored. */
  answered(number: number, at: number): void;
  /** Packets that are still to be answered, those to be sent yet among them. */
  missing(): number;
  /** Once all have been sent. */
  result(): Burst;
}

/** Makes one for a burst of `count` packets. */
export function createTally(count: number): Tally {
  const sentAt: number[] = [];
  const answered = new Set<number>();
  const roundTrips: number[] = [];
  let duplicates = 0;
  let reordered = 0;
  let highest = -1;
  const missing = () => count - answered.size;
  return {
    sent: (number, at) => void (sentAt[number] = at),
    answered(number, at) {
      const since = sentAt[number];
      if (since === undefined) return;
      if (answered.has(number)) return void duplicates++;
      answered.add(number);
      roundTrips.push((at - since) / 1e3);
      if (number < highest) reordered++;
      highest = Math.max(highest, number);
    },
    missing,
    result: () => ({
      sent: count,
      lost: missing(),
      duplicates,
      reordered,
      roundTrips,
    }),
  };
}
