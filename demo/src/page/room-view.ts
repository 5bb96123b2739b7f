// One room on the screen: joins it, shows what comes, sends what is typed. Where the session's connection stands is
// somebody else's; a message waits through drops by itself.

import type { Gap, PublishResult, Room, Session } from 'holdfast'
import type { Message, MessageList } from './message-list.js'
import { nameIn } from './people.js'

export interface RoomViewHost {
  readonly session: Session
  readonly messages: MessageList
  /** Messages of mine that are not settled, of all rooms: they are still there when I come back to their room. */
  readonly unsettled: Map<string, Unsettled>
  myName(): string
  membersChanged(room: Room): void
  gap(): void
}

export interface Unsettled {
  readonly room: string
  readonly message: Message & { readonly mark: string }
}

export class RoomView {
  readonly #host: RoomViewHost
  readonly #room: Room

  constructor(name: string, host: RoomViewHost) {
    this.#host = host
    const { session, messages, unsettled } = host
    messages.clear()
    for (const { room, message } of unsettled.values()) if (room === name) messages.addPending(message)
    const room = session.join(name, { last: 50, presence: true })
    this.#room = room
    room.on('entry', (entry) => {
      const isMine = entry.by !== null && entry.by.session === session.id
      const text = textIn(entry.data)
      const who = nameIn(entry.data) ?? entry.by?.user ?? 'the server'
      if (entry.mark !== null) unsettled.delete(entry.mark)
      messages.addKept({ mark: entry.mark, who, text, isMine, atMs: entry.atMs })
    })
    room.on('gap', (gap) => {
      host.gap()
      messages.addNote(gapText(gap))
    })
    room.on('presence', () => host.membersChanged(room))
    room.on('denied', ({ message }) => messages.addNote(`This room did not let you in: ${message}`))
    this.nameChanged()
  }

  nameChanged(): void {
    this.#room.presence.track({ name: this.#host.myName() })
  }

  async send(text: string): Promise<void> {
    const { messages, unsettled, myName } = this.#host
    const publication = this.#room.publish({ name: myName(), text })
    const { mark } = publication
    const message = { mark, who: myName(), text, isMine: true, atMs: Date.now() }
    unsettled.set(mark, { room: this.#room.name, message })
    messages.addPending(message)
    const result = await publication
    if (result.kind === 'kept') return
    unsettled.delete(mark)
    messages.addFailed(mark, failureText(result))
  }

  leave(): void {
    this.#room.leave()
  }
}

function textIn(data: unknown): string {
  if (typeof data === 'object' && data !== null && 'text' in data && typeof data.text === 'string') return data.text
  return JSON.stringify(data) ?? ''
}

function gapText({ from, to, reason }: Gap): string {
  const what = to < from ? 'Some messages are' : from === to ? 'A message is' : `${to - from + 1} messages are`
  return `${what} missing here (${reason}).`
}

function failureText({ reason, message }: Extract<PublishResult, { kind: 'failed' }>): string {
  return reason === 'unknown' ? 'nobody can tell whether it arrived' : `${message} (${reason})`
}
