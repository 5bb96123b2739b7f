// The messages of one room on the screen: those of the log in its order, then those on their way. It knows nothing of
// sessions. Text goes in as text, never as markup.

export interface Message {
  /** Random, made by the sender: the same while pending and when it comes back through the room. Null: none. */
  readonly mark: string | null
  readonly who: string
  readonly text: string
  readonly isMine: boolean
  readonly atMs: number
}

type Shown = 'pending' | 'kept' | 'failed'

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
/** Closer to the end than this, the list follows what comes. */
const followPx = 80

export class MessageList {
  readonly #list: HTMLElement
  readonly #scroller: HTMLElement
  readonly #empty: HTMLElement
  /** Not yet come back through the room. They stand after everything that has. */
  readonly #waiting = new Map<string, HTMLElement>()

  constructor(parts: { list: HTMLElement; scroller: HTMLElement; empty: HTMLElement }) {
    this.#list = parts.list
    this.#scroller = parts.scroller
    this.#empty = parts.empty
  }

  clear(): void {
    this.#waiting.clear()
    this.#list.replaceChildren()
    this.#empty.hidden = false
  }

  /** Mine, sent and not yet answered. */
  addPending(message: Message & { readonly mark: string }): void {
    const item = messageItem(message)
    setState(item, 'pending', 'sending …')
    this.#waiting.set(message.mark, item)
    this.#put(() => this.#list.append(item))
  }

  /** From the room's log, in its order. One of mine takes the place of its pending self. */
  addKept(message: Message): void {
    const waiting = message.mark === null ? undefined : this.#waiting.get(message.mark)
    if (message.mark !== null) this.#waiting.delete(message.mark)
    const item = waiting ?? messageItem(message)
    setState(item, 'kept', message.isMine ? 'kept' : '')
    this.#put(() => this.#insert(item))
  }

  /** It was not applied, or (as `why` then says) that cannot be told. */
  addFailed(mark: string, why: string): void {
    const item = this.#waiting.get(mark)
    if (item !== undefined) setState(item, 'failed', `not sent: ${why}`)
  }

  /** What people must know about the log itself: a gap. */
  addNote(text: string): void {
    const item = document.createElement('li')
    item.className = 'note'
    item.textContent = text
    this.#put(() => this.#insert(item))
  }

  #insert(item: HTMLElement): void {
    const first = [...this.#waiting.values()][0] ?? null
    // A node that already stands there is not moved: screen readers would read it again.
    if (item.isConnected && item.nextElementSibling === first) return
    this.#list.insertBefore(item, first)
  }

  #put(change: () => void): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller
    const isAtEnd = scrollHeight - scrollTop - clientHeight < followPx
    change()
    this.#empty.hidden = true
    if (isAtEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight
  }
}

function messageItem({ who, text, isMine, atMs }: Message): HTMLElement {
  const item = document.createElement('li')
  item.className = isMine ? 'message mine' : 'message'
  const meta = document.createElement('p')
  meta.className = 'meta'
  const when = part('time', 'when', time.format(atMs))
  when.setAttribute('datetime', new Date(atMs).toISOString())
  meta.append(part('span', 'who', isMine ? `${who} (you)` : who), when, part('span', 'state', ''))
  item.append(meta, part('p', 'text', text))
  return item
}

function setState(item: HTMLElement, state: Shown, text: string): void {
  item.dataset['state'] = state
  const place = item.querySelector('.state')
  if (place !== null) place.textContent = text
}

function part(tag: string, className: string, text: string): HTMLElement {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  return element
}
