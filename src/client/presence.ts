// Who is in a room, as the server's board says: a version, and changes that each carry the next one.

import type { Member, Presence, PresenceChanged } from '../protocol/frames.js'

/** A server that tells more members than this tells no more. */
const membersMax = 10_000

export class Board {
  #version: number | null = null
  readonly #members = new Map<string, Member>()

  /** In the order in which they came. */
  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** The whole state, whatever was known. */
  reset(frame: Presence): void {
    this.#members.clear()
    this.#version = frame.version
    for (const member of frame.members) this.#set(member)
  }

  /**
   * False: it does not follow what is known, and the whole state must be asked for. Also when its version is lower: a
   * store that lost something counts anew.
   */
  change(frame: PresenceChanged): boolean {
    if (frame.since !== this.#version) return false
    this.#version = frame.version
    for (const session of frame.removed) this.#members.delete(session)
    for (const member of frame.set) this.#set(member)
    return true
  }

  #set(member: Member): void {
    if (this.#members.size < membersMax || this.#members.has(member.session)) this.#members.set(member.session, member)
  }
}
