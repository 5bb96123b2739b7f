// Where an entry sits in its room's log. Both ends use it; it knows nothing of sockets, stores or time.

/**
 * The place of one entry. Offsets of a room are dense: 1, 2, 3, … over all its epochs.
 * Two positions name the same entry exactly when offset and tag are equal.
 */
export interface Position {
  /** The incarnation of the store that wrote the entry, or that told this position. */
  readonly epoch: string
  /** 1 is the first entry; 0 is "before everything". */
  readonly offset: number
  /** 64 random bits of that very entry (base64url); at offset 0 the epoch's birth tag. */
  readonly tag: string
}
