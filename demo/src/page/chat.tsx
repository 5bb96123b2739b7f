// One person's chat: the rooms, who is in this one, what is said, and a line to write.

import { type Signal, useConnection, useMessages, usePresence, useRoom, useSend, useSignal } from 'holdfast/react'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { Avatar } from './avatar.js'
import { keptRoom, type PersonId, type RoomName, rooms } from './kept.js'
import type { Logbook } from './logbook.js'
import { MessageList } from './message-list.js'
import { textIn, nameIn } from './said.js'

export interface ChatProps {
  readonly person: PersonId
  readonly name: string
  readonly logbook: Logbook | null
}

export function Chat({ person, name, logbook }: ChatProps) {
  const [room, setRoom] = useState<RoomName>(() => keptRoom.read(person))
  const enter = (next: RoomName) => {
    keptRoom.write(person, next)
    setRoom(next)
  }
  return (
    <section className="chat" aria-label={`Chat of ${name}`}>
      <div className="room-head">
        <nav className="rooms" aria-label={`Rooms of ${name}`}>
          {rooms.map((other) => (
            <button
              key={other}
              type="button"
              className="quiet"
              aria-current={other === room ? 'true' : undefined}
              onClick={() => enter(other)}
            >
              {other}
            </button>
          ))}
        </nav>
        <People room={room} name={name} />
      </div>
      <Messages key={room} room={room} name={name} logbook={logbook} />
      <Composer key={`composer ${room}`} person={person} room={room} name={name} />
    </section>
  )
}

function People({ room, name }: { readonly room: RoomName; readonly name: string }) {
  const { data, isPaused } = usePresence(room, { name })
  return (
    <ul className="people" aria-label={`Who is in ${room}`} data-stale={isPaused}>
      {data.map(({ session, user, state, data: shown }) => (
        <li key={session} data-state={state}>
          <Avatar isSmall name={nameIn(shown) ?? user} state={state} />
          {nameIn(shown) ?? user}
          {state === 'held' ? <span className="state">held</span> : null}
        </li>
      ))}
    </ul>
  )
}

interface RoomProps {
  readonly room: RoomName
  readonly name: string
}

function Messages({ room, name, logbook }: RoomProps & { readonly logbook: Logbook | null }) {
  const { data: messages, hasOlder, loadOlder, isPending, error } = useMessages(room, { last: 50 })
  const { data: joined } = useRoom(room)
  const { retry, dismiss } = useSend(room)
  const scroller = useRef<HTMLElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => (joined === null ? undefined : logbook?.watch(joined)), [joined, logbook])
  // Follows what comes, unless somebody has scrolled up to read.
  useEffect(() => {
    if (messages.length > 0 && isAtEnd.current) scroller.current?.scrollTo({ top: scroller.current.scrollHeight })
  }, [messages])
  // Also when the room to show them in changes: a banner comes, the screen turns.
  useEffect(() => {
    const element = scroller.current
    if (element === null) return
    const resized = new ResizeObserver(() => {
      if (isAtEnd.current) element.scrollTo({ top: element.scrollHeight })
    })
    resized.observe(element)
    return () => resized.disconnect()
  }, [])
  return (
    <section
      className="scroll"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      ref={scroller}
      aria-label={`Messages in ${room}, as ${name} sees them`}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < 80
      }}
    >
      {hasOlder ? (
        <button type="button" className="quiet older" onClick={() => loadOlder()}>
          Older messages
        </button>
      ) : null}
      {error === null ? null : <p className="note gap">{error.message}</p>}
      {messages.length === 0 && !isPending ? (
        <p className="empty">Nothing here yet. Say something, then break the connection and say more.</p>
      ) : null}
      <MessageList messages={messages} onRetry={retry} onDismiss={dismiss} />
    </section>
  )
}

function Composer({ person, room, name }: RoomProps & { readonly person: PersonId }) {
  const [text, setText] = useState('')
  const { send } = useSend(room)
  const { data: signals, send: signal } = useSignal(room, { keepMs: 2_500 })
  const { data: connection } = useConnection()
  const lastTyped = useRef(0)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (text.trim() === '') return
    void send({ name, text: text.trim() })
    setText('')
    lastTyped.current = 0
  }
  const typed = (next: string) => {
    setText(next)
    if (next === '' || Date.now() - lastTyped.current < 1_500) return
    lastTyped.current = Date.now()
    signal({ typing: name })
  }
  const isAway = connection.health === 'reconnecting' || connection.health === 'lost'
  return (
    <>
      <p className="hint typing">{typingText(signals, name)}</p>
      <form className="composer" autoComplete="off" onSubmit={submit}>
        <label className="visually-hidden" htmlFor={`text-${person}`}>
          Message
        </label>
        <input
          id={`text-${person}`}
          value={text}
          maxLength={500}
          placeholder={isAway ? 'Write on: it is sent when the connection is back' : `Message to ${room}`}
          enterKeyHint="send"
          onChange={({ target }) => typed(target.value)}
        />
        <button type="submit">Send</button>
      </form>
    </>
  )
}

function typingText(signals: readonly Signal<unknown>[], me: string): string {
  const names = signals.map(({ data }) => textIn(data, 'typing')).filter((name) => name !== null && name !== me)
  return names.length === 0 ? '' : `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} typing …`
}
