// What a durable store needs of its disk: ordered keys, reads at once, and one atomic batch of writes at a time. The
// rules above it run on any such disk; it knows nothing of what the bytes mean.

/** `value` null: the key goes. */
export interface Write {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

export interface Commit {
  /** The batch is there, all of it, and survives the end of the process. Rejected: nothing of it is there. */
  readonly visible: Promise<void>
  /** It survives a power cut. Rejected though it was visible: the flush failed, and nothing may be believed of it. */
  readonly flushed: Promise<void>
}

export interface Disk {
  /** The bytes may change with the next call. */
  get(key: Uint8Array): Uint8Array | undefined
  /** All whose key begins so, in the order of their keys. */
  scan(prefix: Uint8Array): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>
  /** The first key at or behind this one; undefined: there is none. */
  keyFrom(key: Uint8Array): Uint8Array | undefined
  /** Only when the batch before it is visible, or failed; that one may still be being flushed. */
  commit(writes: readonly Write[]): Commit
  close(): Promise<void>
}
